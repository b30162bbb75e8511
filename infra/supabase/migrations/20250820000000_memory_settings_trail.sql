-- Settings that people change past the memory service, straight in the platform's tables, are on record too.
-- Can be applied again.

-- Notes one change of memory columns. Arguments: what it is a setting of, then the columns.
-- The service notes its own changes, and whoever has no token (a migration, an operator) is no user of the platform.
create or replace function public.memory_settings_trail() returns trigger
    language plpgsql security definer set search_path = '' as $$
declare
    before jsonb := '{"memory_enabled": true, "record_queries": false, "memory_config": {}, "memory_session_id": null}';
    after jsonb;
    changed text[];
begin
    if coalesce(auth.role(), 'service_role') = 'service_role' then
        return null;
    end if;
    after := to_jsonb(new);
    if tg_op = 'UPDATE' then
        before := to_jsonb(old);
    end if;
    changed := array(
        select name from unnest(tg_argv[1:]) as name where before -> name is distinct from after -> name order by name
    );
    if new.account_id is null or cardinality(changed) = 0 then
        return null;
    end if;
    insert into public.memory_events
        (id, account_id, agent_id, thread_id, actor, event_type, result_count, metadata, occurred_at)
    values (
        gen_random_uuid(),
        new.account_id,
        case tg_argv[0] when 'agent' then (after ->> 'agent_id')::uuid end,
        case tg_argv[0] when 'thread' then (after ->> 'thread_id')::uuid end,
        coalesce('user:' || auth.uid(), 'system:' || auth.role()),
        'settings_change',
        cardinality(changed),
        -- the names of what changed, and the new values of switches: a configuration is text of the person's own
        jsonb_build_object('of', tg_argv[0], 'fields', array_to_string(changed, ' '), 'by', 'platform') || coalesce(
            (
                select jsonb_object_agg(name, after -> name) from unnest(changed) as name
                where jsonb_typeof(after -> name) = 'boolean'
            ),
            '{}'
        ),
        now()
    );
    return null;
exception when others then
    -- what a person asked of the platform does not fail for the sake of the record; the database's log says so
    raise warning 'a change of memory settings is not in memory_events: %', sqlstate;
    return null;
end $$;
revoke all on function public.memory_settings_trail() from public, anon, authenticated, service_role;

drop trigger if exists memory_settings_trail on public.memory_settings;
create trigger memory_settings_trail
    after insert or update of memory_enabled, record_queries on public.memory_settings
    for each row execute function public.memory_settings_trail('account', 'memory_enabled', 'record_queries');

drop trigger if exists memory_settings_trail on public.agents;
create trigger memory_settings_trail
    after insert or update of memory_enabled, memory_config on public.agents
    for each row execute function public.memory_settings_trail('agent', 'memory_enabled', 'memory_config');

drop trigger if exists memory_settings_trail on public.threads;
create trigger memory_settings_trail
    after insert or update of memory_enabled, memory_session_id on public.threads
    for each row execute function public.memory_settings_trail('thread', 'memory_enabled', 'memory_session_id');
