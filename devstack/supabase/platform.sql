-- The Operator platform's schema as far as memory touches it: Basejump accounts, agents, threads, messages
-- and runs, with the platform's row-level security. Applied at every start, so every statement is repeatable.

-- Roles, as PostgREST uses them: it logs in as authenticator and takes the role that the token names.
do $$
begin
    if not exists (select from pg_roles where rolname = 'anon') then
        create role anon nologin noinherit;
    end if;
    if not exists (select from pg_roles where rolname = 'authenticated') then
        create role authenticated nologin noinherit;
    end if;
    if not exists (select from pg_roles where rolname = 'service_role') then
        create role service_role nologin noinherit bypassrls;
    end if;
    if not exists (select from pg_roles where rolname = 'authenticator') then
        create role authenticator login noinherit;
    end if;
end
$$;
grant anon, authenticated, service_role to authenticator;
alter role authenticator set statement_timeout = '8s';

create schema if not exists auth;
create schema if not exists basejump;
grant usage on schema public, auth, basejump to anon, authenticated, service_role;

alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
alter default privileges in schema public grant execute on functions to anon, authenticated, service_role;

-- Who is asking: the claims of the verified token, put into the transaction by the REST front.
create or replace function auth.jwt() returns jsonb language sql stable as $$
    select coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb
$$;
create or replace function auth.uid() returns uuid language sql stable as $$
    select nullif(auth.jwt() ->> 'sub', '')::uuid
$$;
create or replace function auth.role() returns text language sql stable as $$
    select nullif(auth.jwt() ->> 'role', '')
$$;

create table if not exists auth.users (
    id uuid primary key default gen_random_uuid(),
    email text unique,
    raw_user_meta_data jsonb not null default '{}',
    created_at timestamptz not null default now()
);

-- Basejump: accounts and their members --------------------------------------------------------------------

do $$
begin
    if to_regtype('basejump.account_role') is null then
        create type basejump.account_role as enum ('owner', 'member');
    end if;
end
$$;

create table if not exists basejump.accounts (
    id uuid primary key default gen_random_uuid(),
    primary_owner_user_id uuid not null default auth.uid() references auth.users,
    name text,
    slug text unique,
    personal_account boolean not null default false,
    private_metadata jsonb default '{}',
    public_metadata jsonb default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint basejump_accounts_slug_null_if_personal_account_true check (
        (personal_account and slug is null) or (not personal_account and slug is not null)
    )
);

create table if not exists basejump.account_user (
    user_id uuid not null references auth.users on delete cascade,
    account_id uuid not null references basejump.accounts on delete cascade,
    account_role basejump.account_role not null,
    primary key (user_id, account_id)
);

-- Security definer: it reads account_user past that table's own policies, which call it.
create or replace function basejump.has_role_on_account(
    account_id uuid, account_role basejump.account_role default null
) returns boolean language sql stable security definer set search_path = basejump, pg_temp as $$
    select exists (
        select from basejump.account_user as member
        where member.user_id = auth.uid()
            and member.account_id = has_role_on_account.account_id
            and member.account_role = coalesce(has_role_on_account.account_role, member.account_role)
    )
$$;

create or replace function basejump.get_accounts_with_role(
    passed_in_role basejump.account_role default null
) returns setof uuid language sql stable security definer set search_path = basejump, pg_temp as $$
    select member.account_id
    from basejump.account_user as member
    where member.user_id = auth.uid()
        and member.account_role = coalesce(passed_in_role, member.account_role)
$$;

-- Every new user owns a personal account whose id is the user's own.
create or replace function basejump.run_new_user_setup() returns trigger
language plpgsql security definer set search_path = basejump, pg_temp as $$
begin
    insert into basejump.accounts (id, primary_owner_user_id, name, personal_account)
    values (new.id, new.id, split_part(new.email, '@', 1), true);
    return new;
end
$$;

-- The primary owner of a new account is its first member.
create or replace function basejump.add_owner_to_new_account() returns trigger
language plpgsql security definer set search_path = basejump, pg_temp as $$
begin
    insert into basejump.account_user (user_id, account_id, account_role)
    values (new.primary_owner_user_id, new.id, 'owner')
    on conflict do nothing;
    return new;
end
$$;

create or replace trigger on_auth_user_created after insert on auth.users
    for each row execute function basejump.run_new_user_setup();
create or replace trigger basejump_add_owner_to_new_account after insert on basejump.accounts
    for each row execute function basejump.add_owner_to_new_account();

grant select on basejump.account_user to authenticated;
grant select, insert, update on basejump.accounts to authenticated;
grant all on basejump.accounts, basejump.account_user to service_role;

-- Agents, projects, threads, messages, runs ------------------------------------------------------------------

create table if not exists public.projects (
    project_id uuid primary key default gen_random_uuid(),
    account_id uuid not null references basejump.accounts on delete cascade,
    name text not null,
    description text,
    sandbox jsonb default '{}',
    is_public boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table if not exists public.agents (
    agent_id uuid primary key default gen_random_uuid(),
    account_id uuid not null references basejump.accounts on delete cascade,
    name varchar(255) not null,
    description text,
    system_prompt text not null,
    configured_mcps jsonb not null default '[]',
    agentpress_tools jsonb not null default '{}',
    is_default boolean not null default false,
    is_public boolean not null default false,
    avatar text,
    avatar_color text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table if not exists public.threads (
    thread_id uuid primary key default gen_random_uuid(),
    account_id uuid references basejump.accounts on delete cascade,
    project_id uuid references public.projects on delete cascade,
    agent_id uuid references public.agents on delete set null,
    is_public boolean not null default false,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table if not exists public.messages (
    message_id uuid primary key default gen_random_uuid(),
    thread_id uuid not null references public.threads on delete cascade,
    type text not null,
    is_llm_message boolean not null default true,
    content jsonb not null,
    metadata jsonb default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table if not exists public.agent_runs (
    id uuid primary key default gen_random_uuid(),
    thread_id uuid not null references public.threads on delete cascade,
    status text not null default 'running',
    started_at timestamptz not null default now(),
    completed_at timestamptz,
    responses jsonb not null default '[]',
    error text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create index if not exists idx_projects_account_id on public.projects (account_id);
create index if not exists idx_agents_account_id on public.agents (account_id);
create unique index if not exists idx_agents_account_default on public.agents (account_id, is_default)
    where is_default;
create index if not exists idx_threads_account_id on public.threads (account_id);
create index if not exists idx_threads_project_id on public.threads (project_id);
create index if not exists idx_messages_thread_created on public.messages (thread_id, created_at, message_id);
create index if not exists idx_agent_runs_thread_id on public.agent_runs (thread_id);

grant all on public.projects, public.agents, public.threads, public.messages, public.agent_runs
    to authenticated, service_role;
grant select on public.projects, public.agents, public.threads, public.messages, public.agent_runs to anon;
revoke insert, update, delete, truncate on
    public.projects, public.agents, public.threads, public.messages, public.agent_runs from anon;
grant execute on all functions in schema auth, basejump to anon, authenticated, service_role;

-- Row-level security ---------------------------------------------------------------------------------------

alter table basejump.accounts enable row level security;
alter table basejump.account_user enable row level security;
alter table public.projects enable row level security;
alter table public.agents enable row level security;
alter table public.threads enable row level security;
alter table public.messages enable row level security;
alter table public.agent_runs enable row level security;

drop policy if exists account_member_select on basejump.accounts;
create policy account_member_select on basejump.accounts for select to authenticated
    using (primary_owner_user_id = auth.uid() or basejump.has_role_on_account(id));
drop policy if exists account_team_insert on basejump.accounts;
create policy account_team_insert on basejump.accounts for insert to authenticated
    with check (not personal_account and primary_owner_user_id = auth.uid());
drop policy if exists account_owner_update on basejump.accounts;
create policy account_owner_update on basejump.accounts for update to authenticated
    using (basejump.has_role_on_account(id, 'owner'));

drop policy if exists account_user_select on basejump.account_user;
create policy account_user_select on basejump.account_user for select to authenticated
    using (user_id = auth.uid() or basejump.has_role_on_account(account_id));

drop policy if exists project_select_policy on public.projects;
create policy project_select_policy on public.projects for select
    using (is_public or basejump.has_role_on_account(account_id));
drop policy if exists project_write_policy on public.projects;
create policy project_write_policy on public.projects for all to authenticated
    using (basejump.has_role_on_account(account_id));

drop policy if exists agents_select_own on public.agents;
create policy agents_select_own on public.agents for select
    using (is_public or basejump.has_role_on_account(account_id));
drop policy if exists agents_insert_own on public.agents;
create policy agents_insert_own on public.agents for insert to authenticated
    with check (basejump.has_role_on_account(account_id, 'owner'));
drop policy if exists agents_update_own on public.agents;
create policy agents_update_own on public.agents for update to authenticated
    using (basejump.has_role_on_account(account_id, 'owner'));
drop policy if exists agents_delete_own on public.agents;
create policy agents_delete_own on public.agents for delete to authenticated
    using (basejump.has_role_on_account(account_id, 'owner') and not is_default);

drop policy if exists thread_select_policy on public.threads;
create policy thread_select_policy on public.threads for select using (
    is_public
    or basejump.has_role_on_account(account_id)
    or exists (select from public.projects where projects.project_id = threads.project_id)
);
drop policy if exists thread_write_policy on public.threads;
create policy thread_write_policy on public.threads for all to authenticated
    using (basejump.has_role_on_account(account_id));

-- What may be read or written of a thread decides about its messages and runs. (The subqueries run as the
-- asking role: a thread or project it cannot see does not count.)
drop policy if exists message_select_policy on public.messages;
create policy message_select_policy on public.messages for select
    using (exists (select from public.threads where threads.thread_id = messages.thread_id));
drop policy if exists message_write_policy on public.messages;
create policy message_write_policy on public.messages for all to authenticated using (
    exists (
        select from public.threads
        where threads.thread_id = messages.thread_id and basejump.has_role_on_account(threads.account_id)
    )
);

drop policy if exists agent_run_select_policy on public.agent_runs;
create policy agent_run_select_policy on public.agent_runs for select
    using (exists (select from public.threads where threads.thread_id = agent_runs.thread_id));
drop policy if exists agent_run_write_policy on public.agent_runs;
create policy agent_run_write_policy on public.agent_runs for all to authenticated using (
    exists (
        select from public.threads
        where threads.thread_id = agent_runs.thread_id and basejump.has_role_on_account(threads.account_id)
    )
);

create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (
    version text primary key,
    name text not null,
    applied_at timestamptz not null default now()
);
