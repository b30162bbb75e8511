-- The switches of a run, asked for in one round trip. Can be applied again.

-- An earlier form did not ask for the session. Both at once would be one call that fits two functions.
drop function if exists public.memory_switches(uuid, uuid, text);

create or replace function public.memory_switches(
    p_account uuid, p_agent uuid default null, p_thread text default null, p_session text default null
) returns jsonb language sql stable set search_path = '' as $$
    select jsonb_build_object(
        'account', coalesce((select s.memory_enabled from public.memory_settings s where s.account_id = p_account), true),
        'record_queries',
            coalesce((select s.record_queries from public.memory_settings s where s.account_id = p_account), false),
        -- an agent is shared between accounts: its owner's switch counts for everybody who runs it
        'agent', coalesce((select a.memory_enabled from public.agents a where a.agent_id = p_agent), true),
        -- a run may name one thread and read another one's session, and a thread without a session of its own is its
        -- own session: each name is looked for in both places
        'thread', not exists (
            select from public.threads t
            where t.account_id = p_account and not t.memory_enabled
                and array[
                    t.thread_id::text,
                    -- a run names a UUID in lower case, however it was written into the column
                    case when t.memory_session_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                        then lower(t.memory_session_id) else t.memory_session_id end
                ] && array[p_thread, p_session]
        )
    )
$$;
-- The platform grants every new function to its roles: this is for the service alone.
revoke all on function public.memory_switches(uuid, uuid, text, text) from public, anon, authenticated;
grant execute on function public.memory_switches(uuid, uuid, text, text) to service_role;
