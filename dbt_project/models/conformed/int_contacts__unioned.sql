{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('contacts', 'crm', 'contacts') }}
),

-- Deleted records stay: identity keeps their id for the events that name them.
final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.contact_id,
        unioned.account_id,
        unioned.email,
        unioned.phone,
        unioned.first_name,
        unioned.last_name,
        unioned.street_address,
        unioned.postal_code,
        unioned.city,
        unioned.date_of_birth,
        unioned.country_code,
        unioned.lead_source,
        unioned.loyalty_id,
        unioned.created_at,
        unioned.updated_at,
        coalesce(unioned.is_deleted, false) as is_deleted,
        unioned.merged_into_contact_id
    from unioned
)

select * from final
