{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('interactions', 'contact_center', 'interactions') }}
),

channels as (
    {{ value_map('map_interaction_channels', 'service_channel') }}
),

directions as (
    {{ value_map('map_interaction_directions', 'direction') }}
),

final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.interaction_id,
        unioned.case_id,
        coalesce(channels.service_channel, 'unmapped') as service_channel,
        coalesce(directions.direction, 'unmapped') as direction,
        unioned.contact_id,
        unioned.customer_email,
        unioned.customer_phone,
        unioned.queue,
        unioned.contact_reason,
        unioned.agent_id,
        unioned.started_at,
        unioned.answered_at,
        unioned.ended_at,
        unioned.queue_seconds,
        unioned.talk_seconds,
        unioned.hold_seconds,
        unioned.after_contact_work_seconds,
        unioned.transfer_count,
        unioned.is_abandoned,
        unioned.disposition,
        unioned.updated_at
    from unioned
    left join channels
        on channels.vendor_value = lower(trim(unioned.channel))
    left join directions
        on directions.vendor_value = lower(trim(unioned.direction))
    where not coalesce(unioned.is_deleted, false)
)

select * from final
