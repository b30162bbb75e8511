-- Legal holds in the trail: placed and lifted. Attempts that a hold refuses are of the type 'denied'.
alter table public.memory_events drop constraint if exists memory_events_event_type_check;
alter table public.memory_events add constraint memory_events_event_type_check check (event_type in (
    'add', 'search', 'inject', 'update', 'delete', 'clear', 'export', 'erase', 'settings_change', 'denied',
    'archive', 'restore', 'hold', 'use', 'lifecycle'
));
