-- Every month with a service row in the ledger is split over customers and the anonymous bucket without a remainder,
-- and the customer mart shows what its customers' months sum to.
with ledger as (
    select
        cost_month,
        sum(cost_amount) as cost_amount
    from {{ ref('fct_costs') }}
    where category = 'service'
    group by cost_month
),

buckets as (
    select
        cost_month,
        sum(cost_to_serve_amount) as cost_amount
    from {{ ref('fct_cost_to_serve') }}
    where cost_source = 'ledger'
    group by cost_month
),

customer_costs as (
    select
        customer_key,
        sum(cost_to_serve_amount) as cost_to_serve_amount
    from {{ ref('fct_cost_to_serve') }}
    group by customer_key
),

final as (
    select
        'ledger' as subject,
        coalesce(ledger.cost_month, buckets.cost_month) as cost_month
    from ledger
    full outer join buckets
        on buckets.cost_month = ledger.cost_month
    where
        ledger.cost_amount is distinct from buckets.cost_amount
        or ledger.cost_month is null
        or buckets.cost_month is null
    union all
    select
        'customer' as subject,
        null as cost_month
    from {{ ref('mart_customer_value__customer') }} as customers
    inner join customer_costs
        on customer_costs.customer_key = customers.customer_key
    where abs(customers.cost_to_serve_amount - customer_costs.cost_to_serve_amount) > 0.0001
)

select * from final
