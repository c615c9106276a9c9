{% set categories = allocated_cost_categories() %}

with deliveries as (
    select
        {{ is_delivered('costs') }} as has_costs,
        {{ is_delivered('spend') }} or (select count(*) > 0 from {{ ref('fct_costs') }} where category = 'media') as has_media,
        {{ as_of('mart_acquisition__month') }} as as_of
),

acquisitions as (
    select * from {{ ref('fct_customer_acquisitions') }}
),

cohorts as (
    select
        cohort_month as month,
        count(*) as new_customer_count,
        max(acquired_date) as last_acquired_date
    from acquisitions
    group by cohort_month
),

paid as (
    select
        attribution.order_month as month,
        sum(attribution.credit) as paid_new_customer_count
    from {{ ref('fct_attribution') }} as attribution
    inner join {{ ref('dim_channels') }} as channels
        on channels.marketing_channel = attribution.marketing_channel and channels.is_paid
    where attribution.is_first_order and attribution.attribution_model = {{ setting_text('acquisition_model') }}
    group by attribution.order_month
),

media as (
    select
        cost_month as month,
        count(*) as row_count,
        sum(media_spend_amount) as amount,
        count(media_ledger_amount) as ledger_row_count,
        sum(media_ledger_amount) as ledger_amount,
        count(case when is_in_both then 1 end) as difference_row_count,
        sum(media_ledger_difference_amount) as difference_amount
    from {{ ref('fct_media_spend') }}
    group by cost_month
),

ledger as (
    select
        cost_month as month,
        {% for category in categories -%}
        count(case when category = '{{ category }}' then 1 end) as {{ category }}_row_count,
        sum(case when category = '{{ category }}' then cost_amount end) as {{ category }}_amount,
        {% endfor -%}
        count(*) as row_count,
        sum(cost_amount) as amount
    from {{ ref('fct_costs') }}
    where category in ('{{ categories | join("', '") }}')
    group by cost_month
),

-- Rows of spend and of sales and marketing costs that are in no amount, because their day has no exchange rate.
unrated as (
    select
        month,
        count(*) as row_count
    from (
        select spend_month as month from {{ ref('fct_marketing_spend') }} where is_rate_missing
        union all
        select cost_month as month from {{ ref('fct_costs') }} where is_rate_missing and category <> 'service'
    ) as rows_without_rate
    group by month
),

orders as (
    select
        order_month as month,
        count(*) as row_count,
        sum(ordered_revenue_amount) as amount
    from {{ ref('fct_orders') }}
    where is_counted
    group by order_month
),

refunds as (
    select
        cast({{ dbt.date_trunc('month', 'refunded_date') }} as date) as month,
        count(*) as row_count,
        sum(refund_amount) as amount
    from {{ ref('fct_refunds') }}
    where is_counted
    group by cast({{ dbt.date_trunc('month', 'refunded_date') }} as date)
),

months_with_something as (
    select month from cohorts
    union distinct
    select month from media
    union distinct
    select month from ledger
    union distinct
    select month from orders
    union distinct
    select month from refunds
),

months as (
    select distinct dates.date_month as month
    from {{ ref('dim_dates') }} as dates
    cross join deliveries
    where dates.date_month >= (select min(month) from months_with_something) and dates.date_day <= deliveries.as_of
),

-- Row by row, as one sum over all sales and marketing cost: what is unknown drops out, all unknown is null.
costs as (
    select
        months.month,
        deliveries.has_costs,
        deliveries.has_media,
        deliveries.as_of,
        case when deliveries.has_media then {{ zero_without_rows('media.amount', 'media.row_count') }} end as media_spend_amount,
        case when deliveries.has_media then
            {{ zero_without_rows('media.difference_amount', 'media.difference_row_count') }}
        end as media_ledger_difference_amount,
        {% for category in categories -%}
        case when deliveries.has_costs then
            {{ zero_without_rows('ledger.' ~ category ~ '_amount', 'ledger.' ~ category ~ '_row_count') }}
        end as {{ category }}_cost_amount,
        {% endfor -%}
        case
            when not (deliveries.has_costs and deliveries.has_media) then null
            when coalesce(media.amount, ledger.amount) is not null then
                coalesce(cast(media.amount as decimal(28, 14)), 0) + coalesce(cast(ledger.amount as decimal(28, 14)), 0)
            when coalesce(media.row_count, 0) + coalesce(ledger.row_count, 0) = 0 then 0
        end as sales_and_marketing_cost_amount
    from months
    cross join deliveries
    left join media on media.month = months.month
    left join ledger on ledger.month = months.month
),

cohort_events as (
    select
        acquisitions.cohort_month as month,
        {{ dbt.datediff('acquisitions.acquired_date', 'orders.ordered_date', 'day') }} as day_number,
        orders.gross_margin_amount,
        0 as refund_count,
        cast(null as decimal(38, 14)) as refund_amount
    from acquisitions
    inner join {{ ref('fct_orders') }} as orders on orders.customer_key = acquisitions.customer_key
    where orders.is_counted
    union all
    select
        acquisitions.cohort_month as month,
        {{ dbt.datediff('acquisitions.acquired_date', 'refunds.refunded_date', 'day') }} as day_number,
        cast(null as decimal(38, 14)) as gross_margin_amount,
        1 as refund_count,
        refunds.refund_amount
    from acquisitions
    inner join {{ ref('fct_refunds') }} as refunds on refunds.customer_key = acquisitions.customer_key
    where refunds.is_counted and not refunds.precedes_first_order
),

cohort_days as (
    select
        month,
        day_number,
        sum(gross_margin_amount) as gross_margin_amount,
        sum(refund_count) as refund_count,
        sum(refund_amount) as refund_amount
    from cohort_events
    where day_number >= 0
    group by month, day_number
),

-- Day 0 holds the first orders, so a day is reached by what happened up to and including it: k = day_number + 1.
days_to_date as (
    select
        month,
        day_number,
        {% for column in ['gross_margin_amount', 'refund_count', 'refund_amount'] -%}
        sum({{ column }}) over (
            partition by month order by day_number rows between unbounded preceding and current row
        ) as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from cohort_days
),

margins_to_date as (
    select
        month,
        day_number,
        {{ less_refunds('gross_margin_amount', '1', 'refund_amount', 'refund_count') }} as margin_amount
    from days_to_date
),

-- The last day with an event in the first year stands for day 364.
cohort_margins as (
    select
        month,
        margin_amount as margin_amount_365d
    from margins_to_date
    where day_number < 365
    qualify row_number() over (partition by month order by day_number desc) = 1
),

-- Cost and margin are over the same customers, so the totals are compared, not the two quotients.
paybacks as (
    select
        margins_to_date.month,
        min(margins_to_date.day_number) + 1 as payback_days
    from margins_to_date
    inner join costs on costs.month = margins_to_date.month
    inner join cohorts on cohorts.month = margins_to_date.month
    where
        margins_to_date.margin_amount >= costs.sales_and_marketing_cost_amount
        and cast({{ dbt.last_day('costs.month', 'month') }} as date) <= costs.as_of
        and {{ dbt.datediff('cohorts.last_acquired_date', 'costs.as_of', 'day') }} >= margins_to_date.day_number
    group by margins_to_date.month
),

measured as (
    select
        costs.*,
        coalesce(cohorts.new_customer_count, 0) as new_customer_count,
        coalesce(paid.paid_new_customer_count, 0) as paid_new_customer_count,
        coalesce(unrated.row_count, 0) as unrated_cost_row_count,
        {{ less_refunds('orders.amount', 'orders.row_count', 'refunds.amount', 'refunds.row_count') }} as net_revenue_amount,
        cohort_margins.margin_amount_365d,
        paybacks.payback_days,
        cast({{ dbt.last_day('costs.month', 'month') }} as date) <= costs.as_of as is_month_complete,
        cast({{ dbt.last_day('costs.month', 'month') }} as date) <= costs.as_of
        and coalesce({{ dbt.datediff('cohorts.last_acquired_date', 'costs.as_of', 'day') }} >= 364, true) as is_final
    from costs
    left join cohorts on cohorts.month = costs.month
    left join paid on paid.month = costs.month
    left join unrated on unrated.month = costs.month
    left join orders on orders.month = costs.month
    left join refunds on refunds.month = costs.month
    left join cohort_margins on cohort_margins.month = costs.month
    left join paybacks on paybacks.month = costs.month
),

lived as (
    select
        *,
        case when is_final then margin_amount_365d end as cohort_margin_amount_365d
    from measured
),

final as (
    select
        cast(month as date) as month,
        cast(new_customer_count as bigint) as new_customer_count,
        cast(paid_new_customer_count as decimal(24, 6)) as paid_new_customer_count,
        cast(unrated_cost_row_count as bigint) as unrated_cost_row_count,
        {{ published_amount('media_spend_amount') }} as media_spend_amount,
        {% for category in categories -%}
        {{ published_amount(category ~ '_cost_amount') }} as {{ category }}_cost_amount,
        {% endfor -%}
        {{ published_amount('sales_and_marketing_cost_amount') }} as sales_and_marketing_cost_amount,
        {{ published_amount('media_ledger_difference_amount') }} as media_ledger_difference_amount,
        {{ published_amount('net_revenue_amount') }} as net_revenue_amount,
        {{ published_amount('cohort_margin_amount_365d') }} as cohort_margin_amount_365d,
        {{ ratio('sales_and_marketing_cost_amount', 'new_customer_count') }} as customer_acquisition_cost_fully_loaded,
        {{ ratio('media_spend_amount', 'new_customer_count') }} as customer_acquisition_cost_blended,
        {{ ratio('media_spend_amount', 'paid_new_customer_count') }} as customer_acquisition_cost_paid,
        {{ ratio('net_revenue_amount', 'sales_and_marketing_cost_amount') }} as marketing_efficiency_ratio,
        {{ ratio('cohort_margin_amount_365d', 'new_customer_count') }} as customer_lifetime_value_cohort_margin_365d,
        {{ ratio('cohort_margin_amount_365d', 'sales_and_marketing_cost_amount') }}
            as lifetime_value_to_acquisition_cost_ratio,
        cast(payback_days as bigint) as acquisition_payback_days,
        cast(is_month_complete as boolean) as is_month_complete,
        cast(is_final as boolean) as is_final,
        {{ mart_columns('mart_acquisition__month') }}
    from lived
)

select * from final
