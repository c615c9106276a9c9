{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('sessions', 'ecommerce', 'sessions') }}
),

final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.session_id,
        unioned.customer_id,
        unioned.email,
        unioned.started_at,
        unioned.utm_source,
        unioned.utm_medium,
        unioned.utm_campaign,
        unioned.referrer,
        unioned.landing_page,
        coalesce(
            {{ utm_channel('unioned') }},
            case when unioned.referrer is null then 'direct' else 'referral' end
        ) as marketing_channel,
        unioned.has_order
    from unioned
    {{ utm_channel_joins('unioned') }}
    where not coalesce(unioned.is_deleted, false)
)

select * from final
