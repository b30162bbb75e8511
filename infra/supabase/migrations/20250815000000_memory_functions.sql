-- What the memory service asks of the database in one round trip each. Can be applied again.

-- The platform grants every new function to its roles: these are for the service alone.

-- ---- the switches of a run (the function: 20250821000000_memory_switches.sql) ---------------------------------------------------------------------------------------

-- threads that are switched off are few: with this the account's other threads are not looked at
create index if not exists threads_memory_off on public.threads (account_id) where not memory_enabled;

-- ---- the settings of an account, set by the service for a member it has checked ----------------------------------

create or replace function public.memory_settings_stamp() returns trigger
    language plpgsql set search_path = '' as $$
begin
    new.updated_at := now();
    -- people cannot write this column, so what is in it was put there by the service
    new.updated_by := coalesce(auth.uid(), new.updated_by);
    return new;
end $$;

-- ---- the trail ---------------------------------------------------------------------------------------------------

create index if not exists memory_events_place on public.memory_events (account_id, created_at, id);
create index if not exists memory_events_queries on public.memory_events (account_id, actor) where query is not null;

-- Writes the events that are not written yet, and returns the ids of those whose account does not exist.
create or replace function public.memory_record_events(p_events jsonb)
    returns setof uuid language plpgsql set search_path = '' as $$
declare known uuid[];
begin
    -- asked once, so that an event is either written or named
    known := array(
        select a.id from basejump.accounts a
        where a.id in (select e.account_id from jsonb_to_recordset(p_events) as e (account_id uuid))
    );
    insert into public.memory_events
        (id, account_id, agent_id, thread_id, actor, event_type, memory_ids, query, result_count, metadata, occurred_at)
    select e.id, e.account_id, e.agent_id, e.thread_id, e.actor, e.event_type, coalesce(e.memory_ids, '{}'), e.query,
        e.result_count, coalesce(e.metadata, '{}'), e.occurred_at
    from jsonb_to_recordset(p_events) as e (
        id uuid, account_id uuid, agent_id uuid, thread_id uuid, actor text, event_type text, memory_ids uuid[],
        query text, result_count integer, metadata jsonb, occurred_at timestamptz
    )
    where e.account_id = any (known)
    order by e.id -- two writers of the same events wait for each other in one order
    on conflict (id) do nothing;
    return query
    select e.id from jsonb_to_recordset(p_events) as e (id uuid, account_id uuid)
    where not e.account_id = any (known);
end $$;
revoke all on function public.memory_record_events(jsonb) from public, anon, authenticated;
grant execute on function public.memory_record_events(jsonb) to service_role;

-- Takes the words of searches out of the trail. The trail is append-only even for the service; this is the one
-- change that erasure needs, so it runs with the owner's rights and does nothing else.
create or replace function public.memory_forget_queries(p_account uuid, p_actor text default null)
    returns bigint language plpgsql security definer set search_path = '' as $$
declare changed bigint;
begin
    update public.memory_events e set query = null
    where e.account_id = p_account and e.query is not null and (p_actor is null or e.actor = p_actor);
    get diagnostics changed = row_count;
    return changed;
end $$;
revoke all on function public.memory_forget_queries(uuid, text) from public, anon, authenticated;
grant execute on function public.memory_forget_queries(uuid, text) to service_role;
