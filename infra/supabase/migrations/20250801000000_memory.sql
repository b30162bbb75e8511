-- Memory on the platform's database: switches, the session of a thread, and the trail of what was done.
-- Can be applied to a database that has it already.

-- ---- switches -----------------------------------------------------------------------------------------------------

alter table public.agents add column if not exists memory_enabled boolean not null default true;
alter table public.agents add column if not exists memory_config jsonb not null default '{}'::jsonb;
alter table public.threads add column if not exists memory_enabled boolean not null default true;
alter table public.threads add column if not exists memory_session_id text;

create table if not exists public.memory_settings (
    account_id uuid primary key references basejump.accounts (id) on delete cascade,
    memory_enabled boolean not null default true,
    -- Whether the words of a search may be kept in the trail. Off, unless an owner asks for it.
    record_queries boolean not null default false,
    updated_at timestamptz not null default now(),
    updated_by uuid
);
comment on table public.memory_settings is 'Switches of an account''s memory. No row: everything as by default.';

alter table public.memory_settings enable row level security;
revoke all on public.memory_settings from anon, authenticated;
grant select on public.memory_settings to authenticated;
grant insert (account_id, memory_enabled, record_queries), update (memory_enabled, record_queries)
    on public.memory_settings to authenticated;
grant all on public.memory_settings to service_role;

drop policy if exists memory_settings_members_read on public.memory_settings;
create policy memory_settings_members_read on public.memory_settings
    for select to authenticated using (basejump.has_role_on_account(account_id));
drop policy if exists memory_settings_owners_insert on public.memory_settings;
create policy memory_settings_owners_insert on public.memory_settings
    for insert to authenticated with check (basejump.has_role_on_account(account_id, 'owner'));
drop policy if exists memory_settings_owners_update on public.memory_settings;
create policy memory_settings_owners_update on public.memory_settings
    for update to authenticated
    using (basejump.has_role_on_account(account_id, 'owner'))
    with check (basejump.has_role_on_account(account_id, 'owner'));

create or replace function public.memory_settings_stamp() returns trigger
    language plpgsql set search_path = '' as $$
begin
    new.updated_at := now();
    -- people cannot write this column, so what is in it was put there by the service
    new.updated_by := coalesce(auth.uid(), new.updated_by);
    return new;
end $$;
drop trigger if exists memory_settings_stamp on public.memory_settings;
create trigger memory_settings_stamp before insert or update on public.memory_settings
    for each row execute function public.memory_settings_stamp();

-- ---- the trail ----------------------------------------------------------------------------------------------------

-- Agents and threads are named by id and not referenced: the trail outlives them. An account's trail goes with it.
create table if not exists public.memory_events (
    id uuid primary key,
    account_id uuid not null references basejump.accounts (id) on delete cascade,
    agent_id uuid,
    thread_id uuid,
    actor text not null,
    event_type text not null check (event_type in (
        'add', 'search', 'inject', 'update', 'delete', 'clear', 'export', 'erase', 'settings_change', 'denied'
    )),
    memory_ids uuid[] not null default '{}',
    query text,
    result_count integer check (result_count >= 0),
    metadata jsonb not null default '{}'::jsonb,
    occurred_at timestamptz not null,
    created_at timestamptz not null default now()
);
comment on table public.memory_events is 'Who did what to which memory, for which account. Written by the service only.';
comment on column public.memory_events.id is 'Made where the event happens, so that writing it twice is writing it once.';

create index if not exists memory_events_account on public.memory_events (account_id, occurred_at desc);
create index if not exists memory_events_agent on public.memory_events (account_id, agent_id, occurred_at desc)
    where agent_id is not null;
create index if not exists memory_events_thread on public.memory_events (account_id, thread_id, occurred_at desc)
    where thread_id is not null;
create index if not exists memory_events_created on public.memory_events using brin (created_at);

alter table public.memory_events enable row level security;
-- The platform grants everything on new tables to its roles: here nobody but the service writes, and nobody rewrites.
revoke all on public.memory_events from anon, authenticated, service_role;
grant select on public.memory_events to authenticated;
grant select, insert, delete on public.memory_events to service_role;

drop policy if exists memory_events_members_read on public.memory_events;
create policy memory_events_members_read on public.memory_events
    for select to authenticated using (basejump.has_role_on_account(account_id));

create or replace function public.memory_events_stamp() returns trigger
    language plpgsql set search_path = '' as $$
begin
    new.created_at := now(); -- when it was written is the database's to say
    if new.occurred_at > now() + interval '5 minutes' then
        raise exception 'occurred_at is in the future' using errcode = '22008';
    end if;
    return new;
end $$;
drop trigger if exists memory_events_stamp on public.memory_events;
create trigger memory_events_stamp before insert on public.memory_events
    for each row execute function public.memory_events_stamp();
