with clock as (
    select {{ as_of('mart_retention__cohort_month') }} as observed_date
),

cohorts as (
    select
        cohort_month,
        count(*) as cohort_customer_count
    from {{ ref('dim_customers') }}
    where is_customer
    group by cohort_month
),

months as (
    select distinct date_month as month
    from {{ ref('dim_dates') }}
),

-- Dense: every cohort has every month from its own to the month of as_of, the quiet ones too.
triangle as (
    select
        cohorts.cohort_month,
        cohorts.cohort_customer_count,
        months.month,
        clock.observed_date,
        {{ dbt.datediff('cohorts.cohort_month', 'months.month', 'month') }} as months_since_acquisition,
        {{ dbt.datediff('cohorts.cohort_month', 'clock.observed_date', 'month') }} as last_month_number
    from cohorts
    cross join clock
    inner join months
        on months.month >= cohorts.cohort_month and months.month <= clock.observed_date
),

activity as (
    select
        cohort_month,
        months_since_acquisition,
        count(case when order_count > 0 then 1 end) as active_customer_count,
        sum(case when order_count > 0 then ordered_revenue_amount end) as ordered_revenue_amount,
        sum(cohort_refund_count) as refund_count,
        sum(case when cohort_refund_count > 0 then cohort_refund_amount end) as refund_amount
    from {{ ref('fct_customer_months') }}
    where months_since_acquisition >= 0
    group by cohort_month, months_since_acquisition
),

last_months as (
    select
        customer_key,
        cohort_month,
        max(months_since_acquisition) as last_active_month_number
    from {{ ref('fct_customer_months') }}
    where order_count > 0
    group by customer_key, cohort_month
),

departures as (
    select
        cohort_month,
        last_active_month_number,
        count(*) as customer_count
    from last_months
    group by cohort_month, last_active_month_number
),

-- Orders after the month of as_of are later orders all the same, so they count in its cell.
departures_in_triangle as (
    select
        triangle.cohort_month,
        triangle.months_since_acquisition,
        sum(departures.customer_count) as customer_count
    from triangle
    inner join departures
        on
            departures.cohort_month = triangle.cohort_month
            and (
                departures.last_active_month_number = triangle.months_since_acquisition
                or (
                    triangle.months_since_acquisition = triangle.last_month_number
                    and departures.last_active_month_number > triangle.last_month_number
                )
            )
    group by triangle.cohort_month, triangle.months_since_acquisition
),

cells as (
    select
        triangle.*,
        coalesce(activity.active_customer_count, 0) as active_customer_count,
        sum(coalesce(departures_in_triangle.customer_count, 0)) over (
            partition by triangle.cohort_month
            order by triangle.months_since_acquisition desc
            rows between unbounded preceding and current row
        ) as active_or_later_customer_count,
        {{ less_refunds(
            'activity.ordered_revenue_amount', 'activity.active_customer_count',
            'activity.refund_amount', 'activity.refund_count'
        ) }} as net_revenue_amount
    from triangle
    left join activity
        on
            activity.cohort_month = triangle.cohort_month
            and activity.months_since_acquisition = triangle.months_since_acquisition
    left join departures_in_triangle
        on
            departures_in_triangle.cohort_month = triangle.cohort_month
            and departures_in_triangle.months_since_acquisition = triangle.months_since_acquisition
),

final as (
    select
        cast(months_since_acquisition as bigint) as months_since_acquisition,
        cast(cohort_customer_count as bigint) as cohort_customer_count,
        cast(active_customer_count as bigint) as active_customer_count,
        cast(active_or_later_customer_count as bigint) as active_or_later_customer_count,
        {{ published_amount('net_revenue_amount') }} as net_revenue_amount,
        {{ ratio('active_customer_count', 'cohort_customer_count') }} as retention_rate_classic,
        {{ ratio('active_or_later_customer_count', 'cohort_customer_count') }} as retention_rate_unbounded,
        coalesce(observed_date >= {{ dbt.last_day('month', 'month') }}, false) as is_final,
        cast(cohort_month as date) as cohort_month,
        {{ mart_columns('mart_retention__cohort_month') }}
    from cells
)

select * from final
