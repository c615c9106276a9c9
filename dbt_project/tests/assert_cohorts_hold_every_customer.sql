-- Every customer is in exactly one cohort, of value and (up to the month of as_of) of retention, and a cohort begins
-- with all its members active.
with customers as (
    select
        cast({{ dbt.date_trunc('month', 'acquired_date') }} as date) as cohort_month,
        count(*) as customer_count
    from {{ ref('mart_customer_value__customer') }}
    group by cast({{ dbt.date_trunc('month', 'acquired_date') }} as date)
),

value_cohorts as (
    select
        cohort_month,
        days_since_acquisition,
        sum(cohort_customer_count) as customer_count
    from {{ ref('mart_customer_value__cohort_month') }}
    group by cohort_month, days_since_acquisition
),

final as (
    select
        value_cohorts.cohort_month,
        'value' as subject
    from value_cohorts
    full outer join customers
        on customers.cohort_month = value_cohorts.cohort_month
    where customers.customer_count is distinct from value_cohorts.customer_count
    union all
    select
        retention.cohort_month,
        'retention' as subject
    from {{ ref('mart_retention__cohort_month') }} as retention
    left join customers
        on customers.cohort_month = retention.cohort_month
    where
        customers.customer_count is distinct from retention.cohort_customer_count
        or (
            retention.months_since_acquisition = 0
            and retention.active_customer_count <> retention.cohort_customer_count
        )
        or retention.active_or_later_customer_count < retention.active_customer_count
)

select * from final
