-- Touchpoints with their customers, where one is known.
with touchpoints as (
    select * from {{ ref('int_touchpoints__unioned') }}
),

final as (
    select
        touchpoints.*,
        {{ attached_customer_key('touchpoints') }} as customer_key
    from touchpoints
    {{- attach_customer_joins('touchpoints') }}
)

select * from final
