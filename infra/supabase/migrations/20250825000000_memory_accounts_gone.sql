-- Accounts that were deleted on the platform, for the memory service to erase what it remembers of them.
-- Can be applied again.

-- Referenced by nothing and referring to nothing: it outlives the account and its trail, and says that it was erased.
create table if not exists public.memory_accounts_gone (
    account_id uuid primary key,
    gone_at timestamptz not null default now(),
    found_by text not null default 'deletion' check (found_by in ('deletion', 'sweep')),
    erase_after timestamptz not null default now(),
    erasure_id text,
    erased_at timestamptz
);
comment on table public.memory_accounts_gone is 'Accounts that were deleted, and the erasure of their memory.';
comment on column public.memory_accounts_gone.found_by is
    'deletion: noted by the trigger. sweep: the service found memory of an account that does not exist.';

create index if not exists memory_accounts_gone_due on public.memory_accounts_gone (account_id) where erased_at is null;

alter table public.memory_accounts_gone enable row level security;
revoke all on public.memory_accounts_gone from public, anon, authenticated, service_role;
grant select, insert, update on public.memory_accounts_gone to service_role;

create or replace function public.memory_account_gone() returns trigger
    language plpgsql security definer set search_path = '' as $$
begin
    insert into public.memory_accounts_gone (account_id) values (old.id)
    on conflict (account_id) do update
        set gone_at = now(), found_by = 'deletion', erase_after = now(), erasure_id = null, erased_at = null;
    return null;
exception when others then
    -- who leaves must not be kept by us: the service finds such an account by its own search
    raise warning 'the deletion of an account is not in memory_accounts_gone: %', sqlstate;
    return null;
end $$;
revoke all on function public.memory_account_gone() from public, anon, authenticated, service_role;

drop trigger if exists memory_account_gone on basejump.accounts;
create trigger memory_account_gone after delete on basejump.accounts
    for each row execute function public.memory_account_gone();

-- Those whose memory is to be erased now, by id, after one of them. An account that exists again is not among them.
create or replace function public.memory_accounts_gone_due(p_after uuid, p_limit integer)
    returns jsonb language sql stable set search_path = '' as $$
    select coalesce(jsonb_agg(jsonb_build_object('account_id', due.account_id, 'gone_at', due.gone_at)
        order by due.account_id), '[]')
    from (
        select g.account_id, g.gone_at from public.memory_accounts_gone g
        where g.erased_at is null and g.erase_after <= now() and (p_after is null or g.account_id > p_after)
            and not exists (select from basejump.accounts a where a.id = g.account_id)
        order by g.account_id limit p_limit
    ) due
$$;

-- Those of the given accounts that do not exist and are not noted yet.
create or replace function public.memory_accounts_missing(p_accounts uuid[])
    returns jsonb language sql stable set search_path = '' as $$
    select coalesce(jsonb_agg(asked.id order by asked.id), '[]') from unnest(p_accounts) as asked (id)
    where not exists (select from basejump.accounts a where a.id = asked.id)
        and not exists (select from public.memory_accounts_gone g where g.account_id = asked.id)
$$;

-- Notes accounts that were found missing, to be erased in so many days if they are missing still.
create or replace function public.memory_accounts_note_missing(p_accounts uuid[], p_days integer)
    returns bigint language plpgsql set search_path = '' as $$
declare noted bigint;
begin
    insert into public.memory_accounts_gone (account_id, found_by, erase_after)
    select asked.id, 'sweep', now() + make_interval(days => p_days) from unnest(p_accounts) as asked (id)
    where not exists (select from basejump.accounts a where a.id = asked.id)
    order by asked.id
    on conflict (account_id) do nothing;
    get diagnostics noted = row_count;
    return noted;
end $$;

-- Notes that an account's memory is erased, unless the account was deleted once more since.
create or replace function public.memory_account_erased(p_account uuid, p_gone_at timestamptz, p_erasure text)
    returns boolean language plpgsql set search_path = '' as $$
begin
    update public.memory_accounts_gone set erasure_id = p_erasure, erased_at = now()
    where account_id = p_account and gone_at = p_gone_at;
    return found;
end $$;

-- The platform grants every new function to its roles: these are for the service alone.
revoke all on function public.memory_accounts_gone_due(uuid, integer) from public, anon, authenticated;
revoke all on function public.memory_accounts_missing(uuid[]) from public, anon, authenticated;
revoke all on function public.memory_accounts_note_missing(uuid[], integer) from public, anon, authenticated;
revoke all on function public.memory_account_erased(uuid, timestamptz, text) from public, anon, authenticated;
grant execute on function public.memory_accounts_gone_due(uuid, integer) to service_role;
grant execute on function public.memory_accounts_missing(uuid[]) to service_role;
grant execute on function public.memory_accounts_note_missing(uuid[], integer) to service_role;
grant execute on function public.memory_account_erased(uuid, timestamptz, text) to service_role;
