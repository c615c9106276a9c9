{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('touchpoints', 'marketing', 'touchpoints') }}
),

channels as (
    {{ value_map('map_marketing_channels', 'marketing_channel') }}
),

final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.touchpoint_id,
        unioned.email,
        unioned.contact_id,
        unioned.customer_id,
        unioned.occurred_at,
        coalesce(channels.marketing_channel, 'unmapped') as marketing_channel,
        unioned.campaign_id,
        lower(trim(unioned.kind)) as kind
    from unioned
    left join channels
        on channels.vendor_value = lower(trim(unioned.marketing_channel))
    where not coalesce(unioned.is_deleted, false)
)

select * from final
