{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('costs', 'finance', 'costs') }}
),

channels as (
    {{ value_map('map_marketing_channels', 'marketing_channel') }}
),

final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.cost_id,
        unioned.cost_date,
        lower(trim(unioned.category)) as category,
        case
            when unioned.marketing_channel is not null then coalesce(channels.marketing_channel, 'unmapped')
        end as marketing_channel,
        unioned.campaign_id,
        unioned.team,
        unioned.amount,
        upper(trim(unioned.currency_code)) as currency_code
    from unioned
    left join channels
        on channels.vendor_value = lower(trim(unioned.marketing_channel))
    where not coalesce(unioned.is_deleted, false)
)

select * from final
