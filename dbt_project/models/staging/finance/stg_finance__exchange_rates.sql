with source as (
    select * from {{ source('finance', 'exchange_rates') }}
),

renamed as (
    select
        'finance' as source_system,
        'generic' as id_namespace,
        rate_date,
        currency_code,
        rate_to_reporting,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed
