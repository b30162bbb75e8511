-- The trail also tells what the life cycle did: how many memories expired, were deleted or archived by a policy, or left
-- the archive. Can be applied again.

alter table public.memory_events drop constraint if exists memory_events_event_type_check;
alter table public.memory_events add constraint memory_events_event_type_check check (event_type in (
    'add', 'search', 'inject', 'update', 'delete', 'clear', 'export', 'erase', 'settings_change', 'denied',
    'archive', 'restore', 'hold', 'use', 'lifecycle'
));
