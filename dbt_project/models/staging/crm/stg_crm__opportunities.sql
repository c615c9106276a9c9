with source as (
    select * from {{ source('crm', 'opportunities') }}
),

renamed as (
    select
        'crm' as source_system,
        'generic' as id_namespace,
        opportunity_id,
        account_id,
        contact_id,
        lead_id,
        stage,
        amount,
        currency_code,
        is_won,
        created_at,
        closed_at,
        updated_at,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed
