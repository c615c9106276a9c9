-- Opportunities with their customers: of the contact, else of the lead.
with opportunities as (
    select * from {{ ref('int_opportunities__unioned') }}
),

final as (
    select
        opportunities.*,
        {{ attached_customer_key('opportunities') }} as customer_key
    from opportunities
    {{- attach_customer_joins('opportunities') }}
)

select * from final
