-- The same money three ways: by day, by order and refund, and by customer with the people without a counted order and
-- the anonymous bucket. Marts round every row to four decimals, so each sum may differ by half a unit of that per row.
with days as (
    select
        count(*) as row_count,
        coalesce(sum(order_count), 0) as order_count,
        coalesce(sum(refund_count), 0) as refund_count,
        coalesce(sum(ordered_revenue_amount), 0) as ordered_revenue_amount,
        coalesce(sum(refund_amount), 0) as refund_amount,
        coalesce(sum(refund_amount_by_order_date), 0) as refund_amount_by_order_date,
        coalesce(sum(net_revenue_amount), 0) as net_revenue_amount,
        coalesce(sum(net_revenue_amount_by_order_date), 0) as net_revenue_amount_by_order_date
    from {{ ref('mart_orders__day') }}
),

customers as (
    select
        count(*) as row_count,
        coalesce(sum(order_count), 0) as order_count,
        coalesce(sum(refund_count), 0) as refund_count,
        coalesce(sum(ordered_revenue_amount), 0) as ordered_revenue_amount,
        coalesce(sum(refund_amount), 0) as refund_amount,
        coalesce(sum(net_revenue_amount), 0) as net_revenue_amount
    from {{ ref('mart_customer_value__customer') }}
),

orders as (
    select
        count(*) as order_count,
        coalesce(sum(ordered_revenue_amount), 0) as ordered_revenue_amount,
        count(case when customer_key is null then 1 end) as anonymous_order_count,
        coalesce(sum(case when customer_key is null then ordered_revenue_amount end), 0) as anonymous_revenue_amount
    from {{ ref('fct_orders') }}
    where is_counted
),

refunds as (
    select
        count(*) as refund_count,
        coalesce(sum(refunds.refund_amount), 0) as refund_amount,
        count(case when customers.customer_key is null then 1 end) as other_refund_count,
        coalesce(sum(case when customers.customer_key is null then refunds.refund_amount end), 0) as other_refund_amount
    from {{ ref('fct_refunds') }} as refunds
    left join {{ ref('dim_customers') }} as customers
        on customers.customer_key = refunds.customer_key and customers.is_customer
    where refunds.is_counted
),

sums as (
    select 'orders by day' as subject, days.order_count as mart_sum, orders.order_count as fact_sum, 0 as row_count
    from days cross join orders
    union all
    select 'refunds by day', days.refund_count, refunds.refund_count, 0
    from days cross join refunds
    union all
    select 'ordered revenue by day', days.ordered_revenue_amount, orders.ordered_revenue_amount, days.row_count
    from days cross join orders
    union all
    select 'refunded by day', days.refund_amount, refunds.refund_amount, days.row_count
    from days cross join refunds
    union all
    select 'refunded by order date', days.refund_amount_by_order_date, refunds.refund_amount, days.row_count
    from days cross join refunds
    union all
    select
        'net revenue by day',
        days.net_revenue_amount,
        orders.ordered_revenue_amount - refunds.refund_amount,
        days.row_count
    from days cross join orders cross join refunds
    union all
    select
        'net revenue by order date',
        days.net_revenue_amount_by_order_date,
        orders.ordered_revenue_amount - refunds.refund_amount,
        days.row_count
    from days cross join orders cross join refunds
    union all
    select 'orders by customer', customers.order_count + orders.anonymous_order_count, orders.order_count, 0
    from customers cross join orders
    union all
    select 'refunds by customer', customers.refund_count + refunds.other_refund_count, refunds.refund_count, 0
    from customers cross join refunds
    union all
    select
        'ordered revenue by customer',
        customers.ordered_revenue_amount + orders.anonymous_revenue_amount,
        orders.ordered_revenue_amount,
        customers.row_count
    from customers cross join orders
    union all
    select
        'refunded by customer',
        customers.refund_amount + refunds.other_refund_amount,
        refunds.refund_amount,
        customers.row_count
    from customers cross join refunds
    union all
    select
        'net revenue by customer',
        customers.net_revenue_amount + orders.anonymous_revenue_amount - refunds.other_refund_amount,
        orders.ordered_revenue_amount - refunds.refund_amount,
        customers.row_count
    from customers cross join orders cross join refunds
),

final as (
    select *
    from sums
    where abs(mart_sum - fact_sum) > 0.00005 * row_count
)

select * from final
