-- What answers cited, in the trail ('use'). The list has every type that any part of the service notes.
alter table public.memory_events drop constraint if exists memory_events_event_type_check;
alter table public.memory_events add constraint memory_events_event_type_check check (event_type in (
    'add', 'search', 'inject', 'update', 'delete', 'clear', 'export', 'erase', 'settings_change', 'denied',
    'archive', 'restore', 'hold', 'use', 'lifecycle'
));
