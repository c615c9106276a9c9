with source as (
    select * from {{ source('marketing', 'spend') }}
),

renamed as (
    select
        'marketing' as source_system,
        'generic' as id_namespace,
        platform,
        campaign_id,
        spend_date,
        account_id,
        campaign_name,
        marketing_channel,
        impressions,
        clicks,
        spend_amount,
        currency_code,
        platform_conversions,
        updated_at,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed
