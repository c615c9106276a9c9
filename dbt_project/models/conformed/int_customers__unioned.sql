{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('customers', 'ecommerce', 'customers') }}
),

-- Deleted records stay: identity keeps their id for the events that name them.
final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.customer_id,
        unioned.email,
        unioned.phone,
        unioned.first_name,
        unioned.last_name,
        unioned.street_address,
        unioned.postal_code,
        unioned.city,
        unioned.date_of_birth,
        unioned.country_code,
        unioned.accepts_marketing,
        unioned.referrer_customer_id,
        unioned.created_at,
        unioned.updated_at,
        coalesce(unioned.is_deleted, false) as is_deleted
    from unioned
)

select * from final
