with source as (
    select * from {{ source('online_retail', 'accounts') }}
),

renamed as (
    select
        'online_retail' as source_system,
        'online_retail' as id_namespace,
        customer_id,
        email,
        phone,
        first_name,
        last_name,
        cast(null as {{ dbt.type_string() }}) as street_address,
        cast(null as {{ dbt.type_string() }}) as postal_code,
        cast(null as {{ dbt.type_string() }}) as city,
        cast(null as {{ dbt.type_string() }}) as date_of_birth,
        country_code,
        accepts_marketing,
        referrer_customer_id,
        created_at,
        updated_at,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed
