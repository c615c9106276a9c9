{#
    Kaplan-Meier by month: at the end of each month (of as_of in the month that is not over), every customer known by then
    has lived some days as an active customer; their life is over when they lapsed, and censored while they are active.
    Customers are counted by two dates, never one by one per month: lapses by their length, lives by their first day.
    The product of 1 - lapsed / at risk is taken as a sum of logarithms with 18 decimals, exact in any order of rows.
#}
{%- set window_days = setting('active_window_days') -%}
with clock as (
    select {{ as_of('mart_retention__month') }} as observed_date
),

customers as (
    select
        customers.customer_key,
        customers.acquired_date
    from {{ ref('dim_customers') }} as customers
    cross join clock
    where customers.is_customer and customers.acquired_date <= clock.observed_date
),

months as (
    select distinct
        dates.date_month as month,
        least(
            cast({{ dbt.dateadd('month', 1, 'dates.date_month') }} as date),
            cast({{ dbt.dateadd('day', 1, 'clock.observed_date') }} as date)
        ) as observed_until_date
    from {{ ref('dim_dates') }} as dates
    cross join clock
    where
        dates.date_month >= (select min(cohort_month) from {{ ref('dim_customers') }} where is_customer)
        and dates.date_month <= clock.observed_date
),

-- A silence of the whole window is a lapse on the day called lapsed_date; the next order ends it.
lapses as (
    select
        customers.acquired_date,
        cast({{ dbt.dateadd('day', window_days, 'days.ordered_date') }} as date) as lapsed_date,
        case when days.next_ordered_date <= clock.observed_date then days.next_ordered_date end as returned_date
    from {{ ref('fct_customer_order_days') }} as days
    inner join customers on customers.customer_key = days.customer_key
    cross join clock
    where
        cast({{ dbt.dateadd('day', window_days, 'days.ordered_date') }} as date) <= clock.observed_date
        and coalesce(days.next_ordered_date > cast({{ dbt.dateadd('day', window_days, 'days.ordered_date') }} as date), true)
),

-- What changes in a month: who became a customer, who lapsed, who came back.
changes as (
    select
        cast({{ dbt.date_trunc('month', 'acquired_date') }} as date) as month,
        acquired_date,
        cast(null as bigint) as lapsed_after_days,
        cast(1 as bigint) as living_change,
        cast(0 as bigint) as lapsed_change
    from customers
    union all
    select
        cast({{ dbt.date_trunc('month', 'lapsed_date') }} as date) as month,
        acquired_date,
        cast({{ dbt.datediff('acquired_date', 'lapsed_date', 'day') }} as bigint) as lapsed_after_days,
        cast(-1 as bigint) as living_change,
        cast(1 as bigint) as lapsed_change
    from lapses
    union all
    select
        cast({{ dbt.date_trunc('month', 'returned_date') }} as date) as month,
        acquired_date,
        cast({{ dbt.datediff('acquired_date', 'lapsed_date', 'day') }} as bigint) as lapsed_after_days,
        cast(1 as bigint) as living_change,
        cast(-1 as bigint) as lapsed_change
    from lapses
    where returned_date is not null
),

living_changes as (
    select acquired_date, month, sum(living_change) as change
    from changes
    group by acquired_date, month
),

lapsed_changes as (
    select lapsed_after_days, month, sum(lapsed_change) as change
    from changes
    where lapsed_after_days is not null
    group by lapsed_after_days, month
),

lives as (
    select
        months.month,
        {{ dbt.datediff('living_changes.acquired_date', 'months.observed_until_date', 'day') }} as lifespan_days,
        sum(living_changes.change) as living_customer_count,
        0 as lapsed_customer_count
    from living_changes
    inner join months on months.month >= living_changes.month
    group by months.month, {{ dbt.datediff('living_changes.acquired_date', 'months.observed_until_date', 'day') }}
    union all
    select
        months.month,
        lapsed_changes.lapsed_after_days as lifespan_days,
        0 as living_customer_count,
        sum(lapsed_changes.change) as lapsed_customer_count
    from lapsed_changes
    inner join months on months.month >= lapsed_changes.month
    group by months.month, lapsed_changes.lapsed_after_days
),

ages as (
    select
        month,
        cast(lifespan_days as bigint) as lifespan_days,
        cast(sum(living_customer_count) as bigint) as living_customer_count,
        cast(sum(lapsed_customer_count) as bigint) as lapsed_customer_count
    from lives
    group by month, lifespan_days
    having sum(living_customer_count) + sum(lapsed_customer_count) > 0
),

at_risk as (
    select
        *,
        sum(living_customer_count + lapsed_customer_count) over (
            partition by month order by lifespan_days desc rows between unbounded preceding and current row
        ) as at_risk_customer_count,
        coalesce(lag(lifespan_days) over (partition by month order by lifespan_days), 0) as previous_lifespan_days
    from ages
),

logarithms as (
    select
        *,
        sum(
            case
                when lapsed_customer_count < at_risk_customer_count then cast(
                    ln({{ ratio('at_risk_customer_count - lapsed_customer_count', 'at_risk_customer_count') }})
                    as decimal(28, 18)
                )
            end
        ) over (partition by month order by lifespan_days rows between unbounded preceding and current row) as log_survival
    from at_risk
),

-- Who are all the customers at risk lapse together only at the end of the curve: nobody is left, survival is 0.
survivals as (
    select
        *,
        case
            when lapsed_customer_count = at_risk_customer_count then cast(0 as decimal(18, 12))
            else cast(exp({{ digits_as_double('log_survival') }}) as decimal(18, 12))
        end as survival_share
    from logarithms
),

final as (
    select
        lifespan_days,
        living_customer_count,
        lapsed_customer_count,
        cast(at_risk_customer_count as bigint) as at_risk_customer_count,
        survival_share,
        cast(
            (lifespan_days - previous_lifespan_days)
            * coalesce(lag(survival_share) over (partition by month order by lifespan_days), 1)
            as decimal(28, 12)
        ) as restricted_days,
        cast(month as date) as month
    from survivals
)

select * from final
