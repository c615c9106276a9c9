{{ config(severity='warn') }}
-- Records and companies that their source numbers by e-mail address. Customer keys and customer_identities hide such an
-- id; keys of leads and companies are plain hashes of it, which a list of addresses can be tried against.
with ids as (
    select 'contacts' as entity, source_system, contact_id as source_id from {{ ref('int_contacts__unioned') }}
    union all
    select 'leads' as entity, source_system, lead_id as source_id from {{ ref('int_leads__unioned') }}
    union all
    select 'customers' as entity, source_system, customer_id as source_id from {{ ref('int_customers__unioned') }}
    union all
    select 'accounts' as entity, source_system, account_id as source_id from {{ ref('int_accounts__unioned') }}
),

final as (
    select
        entity,
        source_system,
        count(*) as row_count
    from ids
    where source_id like '%_@_%._%'
    group by entity, source_system
)

select * from final
