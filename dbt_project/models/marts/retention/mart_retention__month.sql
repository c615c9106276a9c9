with clock as (
    select {{ as_of('mart_retention__month') }} as observed_date
),

customers as (
    select
        customer_key,
        cohort_month
    from {{ ref('dim_customers') }}
    where is_customer
),

newcomers as (
    select
        cohort_month,
        count(*) as new_customer_count
    from customers
    group by cohort_month
),

bounds as (
    select
        min(newcomers.cohort_month) as first_month,
        max(clock.observed_date) as last_date
    from newcomers
    cross join clock
),

months as (
    select distinct
        dates.date_month as month,
        cast({{ dbt.dateadd('month', 1, 'dates.date_month') }} as date) as next_month,
        cast({{ dbt.dateadd('month', -1, 'dates.date_month') }} as date) as previous_month
    from {{ ref('dim_dates') }} as dates
    cross join bounds
    where dates.date_month >= bounds.first_month and dates.date_month <= bounds.last_date
),

-- An order keeps its customer active on the W days after its own; the next order day takes over from there. So every
-- order day answers for few month ends, and no two of a customer answer for the same one.
active_spans as (
    select
        customer_key,
        ordered_date,
        least(
            cast({{ dbt.dateadd('day', setting('active_window_days'), 'ordered_date') }} as date),
            coalesce(next_ordered_date, date '9999-12-31')
        ) as active_until_date
    from {{ ref('fct_customer_order_days') }}
),

active_at_end as (
    select
        months.month,
        months.previous_month,
        active_spans.customer_key
    from months
    inner join active_spans
        on months.next_month > active_spans.ordered_date and months.next_month <= active_spans.active_until_date
),

movements as (
    select
        active_at_end.month,
        customers.cohort_month,
        coalesce(
            lag(active_at_end.month) over (
                partition by active_at_end.customer_key order by active_at_end.month
            ) = active_at_end.previous_month,
            false
        ) as was_active_at_start
    from active_at_end
    inner join customers
        on customers.customer_key = active_at_end.customer_key
),

ends as (
    select
        month,
        count(*) as end_customer_count,
        count(case when was_active_at_start then 1 end) as retained_customer_count,
        count(case when cohort_month = month then 1 end) as new_active_customer_count,
        count(case when cohort_month < month and not was_active_at_start then 1 end) as reactivated_customer_count
    from movements
    group by month
),

counts as (
    select
        months.month,
        coalesce(newcomers.new_customer_count, 0) as new_customer_count,
        coalesce(ends.end_customer_count, 0) as end_customer_count,
        coalesce(ends.retained_customer_count, 0) as retained_customer_count,
        coalesce(ends.new_active_customer_count, 0) as new_active_customer_count,
        coalesce(ends.reactivated_customer_count, 0) as reactivated_customer_count,
        -- The end of one month is the start of the next; nobody is known before the first.
        coalesce(lag(ends.end_customer_count) over (order by months.month), 0) as start_customer_count,
        coalesce(
            sum(newcomers.new_customer_count) over (
                order by months.month rows between unbounded preceding and 1 preceding
            ),
            0
        ) as known_customer_count
    from months
    left join newcomers
        on newcomers.cohort_month = months.month
    left join ends
        on ends.month = months.month
),

bases as (
    select
        customer_key,
        cast({{ dbt.dateadd('month', 12, 'activity_month') }} as date) as month,
        net_revenue_amount as base_net_revenue_amount
    from {{ ref('fct_customer_months') }}
    where net_revenue_amount > 0
),

renewals as (
    select
        bases.month,
        bases.base_net_revenue_amount,
        case when activity.customer_key is null then 0 else activity.net_revenue_amount end
            as renewed_net_revenue_amount
    from bases
    left join {{ ref('fct_customer_months') }} as activity
        on activity.customer_key = bases.customer_key and activity.activity_month = bases.month
),

revenues as (
    select
        month,
        count(*) as base_customer_count,
        sum(base_net_revenue_amount) as base_net_revenue_amount,
        sum(renewed_net_revenue_amount) as renewed_net_revenue_amount,
        -- An explicit case: greatest() and least() would turn an unknown amount into a known one.
        sum(
            case
                when renewed_net_revenue_amount < 0 then 0
                when renewed_net_revenue_amount > base_net_revenue_amount then base_net_revenue_amount
                else renewed_net_revenue_amount
            end
        ) as capped_net_revenue_amount
    from renewals
    group by month
),

purchases as (
    select
        activity_month as month,
        sum(order_count) as identified_order_count,
        sum(known_amount_order_count) as identified_known_amount_order_count,
        sum(case when order_count > 0 then ordered_revenue_amount end) as identified_ordered_revenue_amount
    from {{ ref('fct_customer_months') }}
    group by activity_month
),

gaps as (
    select
        days_since_previous_order as gap_days,
        count(*) as gap_count
    from {{ ref('fct_customer_order_days') }}
    where days_since_previous_order is not null
    group by days_since_previous_order
),

ranked_gaps as (
    select
        gap_days,
        sum(gap_count) over (order by gap_days rows between unbounded preceding and current row) as gaps_up_to,
        9 * (sum(gap_count) over () - 1) as rank_tenths
    from gaps
),

-- percentile_cont(0.9) in whole numbers: the value at rank 0.9 × (n - 1), counted from 0, lies between two neighbours;
-- ten times it is an integer, so rounding it up has nothing to do with binary fractions.
gap_neighbours as (
    select
        min(case when 10 * gaps_up_to >= rank_tenths - mod(rank_tenths, 10) + 10 then gap_days end) as lower_gap_days,
        min(case when 10 * gaps_up_to >= rank_tenths - mod(rank_tenths, 10) + 20 then gap_days end) as upper_gap_days,
        max(mod(rank_tenths, 10)) as upper_weight
    from ranked_gaps
),

percentiles as (
    select
        lower_gap_days * (10 - upper_weight) + coalesce(upper_gap_days, lower_gap_days) * upper_weight as tenfold_days
    from gap_neighbours
),

suggestion as (
    select
        case
            when tenfold_days <= 900 then 90
            when tenfold_days > 3640 then 365
            else (tenfold_days + mod(10 - mod(tenfold_days, 10), 10)) / 10
        end as active_window_days_suggested
    from percentiles
    where tenfold_days is not null
),

-- A gap between purchases stands in the month of the later one.
order_gaps as (
    select
        cast({{ dbt.date_trunc('month', 'ordered_date') }} as date) as month,
        count(*) as order_gap_count,
        sum(days_since_previous_order) as order_gap_days,
        percentile_cont(0.5) within group (order by cast(days_since_previous_order as double)) as median_gap_days
    from {{ ref('fct_customer_order_days') }}
    where days_since_previous_order is not null
    group by cast({{ dbt.date_trunc('month', 'ordered_date') }} as date)
),

lifespans as (
    select
        month,
        sum(lapsed_customer_count) as lapsed_customer_count,
        sum(living_customer_count) as living_customer_count,
        max(lifespan_days) as lifespan_horizon_days,
        sum(restricted_days) as customer_lifespan_days
    from {{ ref('fct_lifespan_curves') }}
    group by month
),

combined as (
    select
        counts.*,
        coalesce(order_gaps.order_gap_count, 0) as order_gap_count,
        coalesce(order_gaps.order_gap_days, 0) as order_gap_days,
        order_gaps.median_gap_days,
        coalesce(lifespans.lapsed_customer_count, 0) as lapsed_customer_count,
        coalesce(lifespans.living_customer_count, 0) as living_customer_count,
        lifespans.lifespan_horizon_days,
        lifespans.customer_lifespan_days,
        counts.start_customer_count - counts.retained_customer_count as lost_customer_count,
        counts.known_customer_count - counts.start_customer_count as known_inactive_customer_count,
        coalesce(revenues.base_customer_count, 0) as base_customer_count,
        {{ zero_without_rows('revenues.base_net_revenue_amount', 'revenues.base_customer_count') }}
            as base_net_revenue_amount,
        {{ zero_without_rows('revenues.renewed_net_revenue_amount', 'revenues.base_customer_count') }}
            as renewed_net_revenue_amount,
        {{ zero_without_rows('revenues.capped_net_revenue_amount', 'revenues.base_customer_count') }}
            as capped_net_revenue_amount,
        coalesce(purchases.identified_order_count, 0) as identified_order_count,
        coalesce(purchases.identified_known_amount_order_count, 0) as identified_known_amount_order_count,
        {{ zero_without_rows('purchases.identified_ordered_revenue_amount', 'purchases.identified_order_count') }}
            as identified_ordered_revenue_amount,
        cast({{ setting('margin_rate') }} as decimal(9, 6)) as margin_rate,
        suggestion.active_window_days_suggested,
        clock.observed_date
    from counts
    cross join clock
    left join revenues
        on revenues.month = counts.month
    left join purchases
        on purchases.month = counts.month
    left join order_gaps
        on order_gaps.month = counts.month
    left join lifespans
        on lifespans.month = counts.month
    left join suggestion
        on 1 = 1
),

rates as (
    select
        *,
        {{ ratio('lost_customer_count', 'start_customer_count') }} as churn_rate,
        {{ ratio('identified_ordered_revenue_amount', 'identified_known_amount_order_count') }}
            as average_order_value_identified,
        {{ ratio('identified_order_count', 'end_customer_count') }} as orders_to_active_customers_ratio
    from combined
),

final as (
    select
        cast(start_customer_count as bigint) as start_customer_count,
        cast(end_customer_count as bigint) as end_customer_count,
        cast(new_customer_count as bigint) as new_customer_count,
        cast(new_active_customer_count as bigint) as new_active_customer_count,
        cast(retained_customer_count as bigint) as retained_customer_count,
        cast(reactivated_customer_count as bigint) as reactivated_customer_count,
        cast(lost_customer_count as bigint) as lost_customer_count,
        cast(known_inactive_customer_count as bigint) as known_inactive_customer_count,
        cast(base_customer_count as bigint) as base_customer_count,
        cast(identified_order_count as bigint) as identified_order_count,
        cast(identified_known_amount_order_count as bigint) as identified_known_amount_order_count,
        cast(order_gap_count as bigint) as order_gap_count,
        cast(order_gap_days as bigint) as order_gap_days,
        cast(lapsed_customer_count as bigint) as lapsed_customer_count,
        cast(living_customer_count as bigint) as living_customer_count,
        cast(lifespan_horizon_days as bigint) as lifespan_horizon_days,
        cast({{ setting('active_window_days') }} as bigint) as active_window_days,
        cast(active_window_days_suggested as bigint) as active_window_days_suggested,
        {{ published_amount('base_net_revenue_amount') }} as base_net_revenue_amount,
        {{ published_amount('renewed_net_revenue_amount') }} as renewed_net_revenue_amount,
        {{ published_amount('capped_net_revenue_amount') }} as capped_net_revenue_amount,
        {{ published_amount('identified_ordered_revenue_amount') }} as identified_ordered_revenue_amount,
        margin_rate,
        cast(customer_lifespan_days as decimal(18, 6)) as customer_lifespan_days,
        {{ ratio('order_gap_days', 'order_gap_count') }} as average_days_between_orders,
        cast(median_gap_days as double) as median_days_between_orders,
        {{ ratio('retained_customer_count', 'start_customer_count') }} as customer_retention_rate,
        {{ ratio('end_customer_count - new_customer_count', 'start_customer_count') }}
            as customer_retention_rate_period_formula,
        churn_rate,
        {{ ratio('reactivated_customer_count', 'known_inactive_customer_count') }} as reactivation_rate,
        {{ ratio('renewed_net_revenue_amount', 'base_net_revenue_amount') }} as net_revenue_retention_rate,
        {{ ratio('capped_net_revenue_amount', 'base_net_revenue_amount') }} as gross_revenue_retention_rate,
        average_order_value_identified,
        orders_to_active_customers_ratio,
        {{ ratio('start_customer_count', 'lost_customer_count') }} as expected_lifespan_months,
        average_order_value_identified * orders_to_active_customers_ratio
        * {{ ratio('start_customer_count', 'lost_customer_count') }} * cast(margin_rate as double)
            as customer_lifetime_value_simple,
        coalesce(observed_date >= {{ dbt.last_day('month', 'month') }}, false) as is_final,
        cast(month as date) as month,
        {{ mart_columns('mart_retention__month') }}
    from rates
)

select * from final
