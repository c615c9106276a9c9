{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('spend', 'marketing', 'spend') }}
),

channels as (
    {{ value_map('map_marketing_channels', 'marketing_channel') }}
),

final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.platform,
        unioned.campaign_id,
        unioned.spend_date,
        unioned.account_id,
        unioned.campaign_name,
        coalesce(channels.marketing_channel, 'unmapped') as marketing_channel,
        unioned.impressions,
        unioned.clicks,
        unioned.spend_amount,
        upper(trim(unioned.currency_code)) as currency_code,
        unioned.platform_conversions,
        unioned.updated_at
    from unioned
    left join channels
        on channels.vendor_value = lower(trim(unioned.marketing_channel))
    where not coalesce(unioned.is_deleted, false)
)

select * from final
