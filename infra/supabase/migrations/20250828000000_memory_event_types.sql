-- What the trail also tells: what moved into the archive and back, legal holds that were placed or lifted, memories that
-- an answer cited, and what the life cycle did by a policy. Can be applied again.

alter table public.memory_events drop constraint if exists memory_events_event_type_check;
alter table public.memory_events add constraint memory_events_event_type_check check (event_type in (
    'add', 'search', 'inject', 'update', 'delete', 'clear', 'export', 'erase', 'settings_change', 'denied',
    'archive', 'restore', 'hold', 'use', 'lifecycle'
));
