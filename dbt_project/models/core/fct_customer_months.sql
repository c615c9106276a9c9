with orders as (
    select
        customer_key,
        order_month as activity_month,
        count(*) as order_count,
        count(ordered_revenue_amount) as known_amount_order_count,
        sum(ordered_revenue_amount) as ordered_revenue_amount
    from {{ ref('fct_orders') }}
    where is_counted and customer_key is not null
    group by customer_key, order_month
),

counted_refunds as (
    select
        customer_key,
        cast({{ dbt.date_trunc('month', 'refunded_date') }} as date) as activity_month,
        refund_amount,
        precedes_first_order
    from {{ ref('fct_refunds') }}
    where is_counted and customer_key is not null
),

refunds as (
    select
        customer_key,
        activity_month,
        count(*) as refund_count,
        sum(refund_amount) as refund_amount,
        count(case when not precedes_first_order then 1 end) as cohort_refund_count,
        sum(case when not precedes_first_order then refund_amount end) as cohort_refund_amount
    from counted_refunds
    group by customer_key, activity_month
),

activity as (
    select customer_key, activity_month from orders
    union distinct
    select customer_key, activity_month from refunds
),

amounts as (
    select
        activity.customer_key,
        customers.cohort_month,
        activity.activity_month,
        coalesce(orders.order_count, 0) as order_count,
        coalesce(orders.known_amount_order_count, 0) as known_amount_order_count,
        coalesce(refunds.refund_count, 0) as refund_count,
        coalesce(refunds.cohort_refund_count, 0) as cohort_refund_count,
        orders.ordered_revenue_amount,
        refunds.refund_amount,
        refunds.cohort_refund_amount
    from activity
    inner join {{ ref('dim_customers') }} as customers
        on customers.customer_key = activity.customer_key and customers.is_customer
    left join orders
        on orders.customer_key = activity.customer_key and orders.activity_month = activity.activity_month
    left join refunds
        on refunds.customer_key = activity.customer_key and refunds.activity_month = activity.activity_month
),

final as (
    select
        customer_key,
        cast(order_count as bigint) as order_count,
        cast(known_amount_order_count as bigint) as known_amount_order_count,
        cast(refund_count as bigint) as refund_count,
        cast(cohort_refund_count as bigint) as cohort_refund_count,
        cast({{ dbt.datediff('cohort_month', 'activity_month', 'month') }} as bigint) as months_since_acquisition,
        cast({{ zero_without_rows('ordered_revenue_amount', 'order_count') }} as decimal(38, 14))
            as ordered_revenue_amount,
        cast({{ zero_without_rows('refund_amount', 'refund_count') }} as decimal(38, 14)) as refund_amount,
        cast({{ zero_without_rows('cohort_refund_amount', 'cohort_refund_count') }} as decimal(38, 14))
            as cohort_refund_amount,
        cast(
            {{ less_refunds('ordered_revenue_amount', 'order_count', 'refund_amount', 'refund_count') }}
            as decimal(38, 14)
        ) as net_revenue_amount,
        cohort_month,
        activity_month
    from amounts
)

select * from final
