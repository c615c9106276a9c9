-- Survey responses with their customers; one that names nobody usable is its order's customer's, else its interaction's.
with responses as (
    select * from {{ ref('int_responses__unioned') }}
),

orders as (
    select * from {{ ref('int_orders__resolved') }}
),

interactions as (
    select * from {{ ref('int_interactions__resolved') }}
),

final as (
    select
        responses.*,
        coalesce(
            {{ attached_customer_key('responses') }}, orders.customer_key, interactions.customer_key
        ) as customer_key
    from responses
    left join orders
        on orders.id_namespace = responses.id_namespace
        and orders.order_id = responses.order_id
    left join interactions
        on interactions.id_namespace = responses.id_namespace
        and interactions.interaction_id = responses.interaction_id
    {{- attach_customer_joins('responses') }}
)

select * from final
