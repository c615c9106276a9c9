-- Every golden customer, prospects included; what their counted orders say of them, and nothing that identifies them.
with orders as (
    select
        *,
        max(ordered_date) over (partition by customer_key) as last_ordered_date
    from {{ ref('fct_orders') }}
    where customer_order_number is not null
),

order_totals as (
    select
        customer_key,
        count(*) as counted_order_count,
        max(case when is_first_order then order_key end) as first_order_key,
        max(case when is_first_order then ordered_at end) as acquired_at,
        max(case when is_first_order then ordered_date end) as acquired_date,
        max(ordered_at) as last_ordered_at,
        max(ordered_date) as last_ordered_date,
        max(case when ordered_date < last_ordered_date then ordered_date end) as previous_ordered_date
    from orders
    group by customer_key
),

observed as (
    select
        customers.*,
        order_totals.first_order_key,
        coalesce(order_totals.counted_order_count, 0) as counted_order_count,
        order_totals.acquired_at,
        order_totals.acquired_date,
        order_totals.last_ordered_at,
        order_totals.last_ordered_date,
        order_totals.previous_ordered_date,
        {{ as_of('dim_customers') }} as as_of_date
    from {{ source('identity_output', 'customers') }} as customers
    left join order_totals
        on order_totals.customer_key = customers.customer_key
),

final as (
    select
        customer_key,
        first_order_key,
        country_code,
        evidence_kinds,
        {{ lifecycle_stage('counted_order_count', 'last_ordered_date', 'previous_ordered_date', 'as_of_date') }}
            as lifecycle_stage,
        record_count,
        contact_record_count,
        lead_record_count,
        shop_record_count,
        cast(counted_order_count as bigint) as counted_order_count,
        is_identified,
        counted_order_count > 0 as is_customer,
        acquired_date,
        cast({{ dbt.date_trunc('month', 'acquired_date') }} as date) as cohort_month,
        last_ordered_date,
        previous_ordered_date,
        as_of_date,
        first_seen_at,
        acquired_at,
        last_ordered_at
    from observed
)

select * from final
