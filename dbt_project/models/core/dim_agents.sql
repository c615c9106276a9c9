-- One row per agent and period of a role; periods are half-open and follow each other without gaps.
with agents as (
    select
        *,
        lead(valid_from) over (
            partition by id_namespace, agent_id
            order by valid_from, source_system
        ) as valid_to
    from {{ ref('int_agents__unioned') }}
),

final as (
    select
        {{ surrogate_key(['id_namespace', 'agent_id', 'valid_from']) }} as agent_version_key,
        {{ surrogate_key(['id_namespace', 'agent_id']) }} as agent_key,
        source_system,
        agent_id,
        team,
        role,
        currency_code,
        hourly_cost_amount as hourly_cost_amount_local,
        valid_to is null as is_current,
        valid_from as valid_from_date,
        valid_to as valid_to_date
    from agents
)

select * from final
