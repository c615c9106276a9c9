-- Leads with the customers that they are records of. Deleted ones are still here: their ids lead to a customer when
-- an opportunity names them.
with leads as (
    select * from {{ ref('int_leads__unioned') }}
),

identifiers as (
    select * from {{ source('identity_output', 'identifiers') }}
    where identifier_kind = 'lead_id'
),

final as (
    select
        leads.*,
        identifiers.customer_key
    from leads
    left join identifiers
        on identifiers.id_namespace = leads.id_namespace
        and identifiers.identifier_value = leads.lead_id
)

select * from final
