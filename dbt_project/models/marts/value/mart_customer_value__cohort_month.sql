with members as (
    select
        customer_key,
        acquired_date,
        cohort_month,
        acquisition_channel
    from {{ ref('fct_customer_acquisitions') }}
),

cohorts as (
    select
        cohort_month,
        acquisition_channel,
        count(*) as cohort_customer_count,
        max(acquired_date) as last_acquired_date
    from members
    group by cohort_month, acquisition_channel
),

events as (
    select
        members.cohort_month,
        members.acquisition_channel,
        {{ dbt.datediff('members.acquired_date', 'orders.ordered_date', 'day') }} as cohort_day,
        orders.customer_order_number,
        orders.ordered_revenue_amount,
        orders.gross_margin_amount,
        0 as refund_count,
        cast(null as decimal(38, 14)) as refund_amount
    from {{ ref('fct_orders') }} as orders
    inner join members
        on members.customer_key = orders.customer_key
    where orders.is_counted
    union all
    select
        members.cohort_month,
        members.acquisition_channel,
        {{ dbt.datediff('members.acquired_date', 'refunds.refunded_date', 'day') }} as cohort_day,
        null as customer_order_number,
        null as ordered_revenue_amount,
        null as gross_margin_amount,
        1 as refund_count,
        refunds.refund_amount
    from {{ ref('fct_refunds') }} as refunds
    inner join members
        on members.customer_key = refunds.customer_key
    where refunds.is_counted and not refunds.precedes_first_order
),

cohort_days as (
    select
        cohort_month,
        acquisition_channel,
        cohort_day,
        count(case when customer_order_number = 2 then 1 end) as repeat_customer_count,
        sum(ordered_revenue_amount) as ordered_revenue_amount,
        sum(gross_margin_amount) as gross_margin_amount,
        sum(refund_count) as refund_count,
        sum(refund_amount) as refund_amount
    from events
    where cohort_day >= 0
    group by cohort_month, acquisition_channel, cohort_day
),

windows as (
    {% for days in [30, 60, 90, 180, 365, 730] -%}
    select {{ days }} as days_since_acquisition
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- Dense: every cohort has every window. Day 0 is the day of the first order, so a window of k ends before day k.
cells as (
    select
        cohorts.cohort_month,
        cohorts.acquisition_channel,
        windows.days_since_acquisition,
        cohorts.cohort_customer_count,
        cohorts.last_acquired_date,
        sum(cohort_days.repeat_customer_count) as repeat_customer_count,
        sum(cohort_days.ordered_revenue_amount) as ordered_revenue_amount,
        sum(cohort_days.gross_margin_amount) as gross_margin_amount,
        sum(cohort_days.refund_count) as refund_count,
        sum(cohort_days.refund_amount) as refund_amount
    from cohorts
    cross join windows
    left join cohort_days
        on
            cohort_days.cohort_month = cohorts.cohort_month
            and cohort_days.acquisition_channel = cohorts.acquisition_channel
            and cohort_days.cohort_day < windows.days_since_acquisition
    group by
        cohorts.cohort_month,
        cohorts.acquisition_channel,
        windows.days_since_acquisition,
        cohorts.cohort_customer_count,
        cohorts.last_acquired_date
),

nets as (
    select
        *,
        {{ less_refunds('ordered_revenue_amount', 'cohort_customer_count', 'refund_amount', 'refund_count') }}
            as net_revenue_amount,
        {{ less_refunds('gross_margin_amount', 'cohort_customer_count', 'refund_amount', 'refund_count') }}
            as margin_amount,
        {{ as_of('mart_customer_value__cohort_month') }} as observed_date
    from cells
),

final as (
    select
        cast(acquisition_channel as {{ dbt.type_string() }}) as acquisition_channel,
        cast(days_since_acquisition as bigint) as days_since_acquisition,
        cast(cohort_customer_count as bigint) as cohort_customer_count,
        cast(repeat_customer_count as bigint) as repeat_customer_count,
        {{ published_amount('net_revenue_amount') }} as cumulative_net_revenue_amount,
        {{ published_amount('margin_amount') }} as cumulative_margin_amount,
        {{ ratio('net_revenue_amount', 'cohort_customer_count') }} as customer_lifetime_value_cohort,
        {{ ratio('margin_amount', 'cohort_customer_count') }} as customer_lifetime_value_cohort_margin,
        {{ ratio('repeat_customer_count', 'cohort_customer_count') }} as repeat_purchase_rate_cohort,
        -- A month that can still gain members is not final, however long its members have lived.
        coalesce(
            observed_date >= cast({{ dbt.dateadd('day', 'days_since_acquisition - 1', 'last_acquired_date') }} as date)
            and observed_date >= {{ dbt.last_day('cohort_month', 'month') }},
            false
        ) as is_final,
        cast(cohort_month as date) as cohort_month,
        {{ mart_columns('mart_customer_value__cohort_month') }}
    from nets
)

select * from final
