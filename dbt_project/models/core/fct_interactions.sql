-- Interactions with customers and how each one ended (metrics.md, Contact center); internal ones are not among them.
with interactions as (
    select
        *,
        {{ business_date('started_at') }} as started_date,
        direction = 'inbound' and queue is not null and service_channel <> 'self_service' as is_offered,
        coalesce(is_abandoned, false) as has_abandoned
    from {{ ref('int_interactions__resolved') }}
    where direction <> 'internal'
),

judged as (
    select
        *,
        {{ surrogate_key(['id_namespace', 'agent_id']) }} as agent_key,
        answered_at is not null and not has_abandoned as is_answered
    from interactions
),

final as (
    select
        {{ surrogate_key(['judged.id_namespace', 'judged.interaction_id']) }} as interaction_key,
        judged.customer_key,
        {{ surrogate_key(['judged.id_namespace', 'judged.case_id']) }} as case_key,
        judged.agent_key,
        agents.agent_version_key,
        judged.source_system,
        judged.interaction_id,
        judged.service_channel,
        judged.direction,
        judged.queue,
        judged.contact_reason,
        judged.agent_id,
        judged.disposition,
        judged.queue_seconds,
        judged.talk_seconds,
        judged.hold_seconds,
        judged.after_contact_work_seconds,
        case
            when coalesce(judged.talk_seconds, judged.hold_seconds, judged.after_contact_work_seconds) is not null
                then coalesce(judged.talk_seconds, 0)
                    + coalesce(judged.hold_seconds, 0)
                    + coalesce(judged.after_contact_work_seconds, 0)
        end as handle_seconds,
        judged.transfer_count,
        judged.is_offered,
        judged.is_answered,
        judged.has_abandoned as is_abandoned,
        judged.is_offered and not judged.is_answered and not judged.has_abandoned as is_other,
        judged.started_date,
        judged.started_at,
        judged.answered_at,
        judged.ended_at
    from judged
    left join {{ ref('dim_agents') }} as agents
        on agents.agent_key = judged.agent_key
        and agents.valid_from_date <= judged.started_date
        and (agents.valid_to_date is null or judged.started_date < agents.valid_to_date)
)

select * from final
