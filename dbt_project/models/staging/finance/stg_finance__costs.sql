with source as (
    select * from {{ source('finance', 'costs') }}
),

renamed as (
    select
        'finance' as source_system,
        'generic' as id_namespace,
        cost_id,
        cost_date,
        category,
        marketing_channel,
        campaign_id,
        team,
        amount,
        currency_code,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed
