with source as (
    select * from {{ source('crm', 'accounts') }}
),

renamed as (
    select
        'crm' as source_system,
        'generic' as id_namespace,
        account_id,
        name,
        parent_account_id,
        country_code,
        created_at,
        updated_at,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed
