with source as (
    select * from {{ source('crm', 'contacts') }}
),

renamed as (
    select
        'crm' as source_system,
        'generic' as id_namespace,
        contact_id,
        account_id,
        email,
        phone,
        first_name,
        last_name,
        street_address,
        postal_code,
        city,
        date_of_birth,
        country_code,
        lead_source,
        loyalty_id,
        created_at,
        updated_at,
        coalesce(is_deleted, false) as is_deleted,
        merged_into_contact_id
    from source
)

select * from renamed
