-- Cases with their customers, where one is known.
with cases as (
    select * from {{ ref('int_cases__unioned') }}
),

final as (
    select
        cases.*,
        {{ attached_customer_key('cases') }} as customer_key
    from cases
    {{- attach_customer_joins('cases') }}
)

select * from final
