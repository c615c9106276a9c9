{#
    Calendar years, because cost to serve and the ledger are monthly. The cost of winning a customer stands whole in the
    year of their first order. Costs of the retention teams (setting) are shared by the customers active when the month
    began and are taken out of what winning cost, so that no cost is charged twice.
#}
with clock as (
    select {{ as_of('mart_customer_value__customer_year') }} as as_of
),

customers as (
    select
        customer_key,
        acquired_date,
        cohort_month
    from {{ ref('dim_customers') }}
    where is_customer
),

retention_months as (
    select
        cost_month,
        count(*) as row_count,
        sum(cost_amount) as amount
    from {{ ref('fct_costs') }}
    where
        category in ('{{ allocated_cost_categories() | join("', '") }}')
        and team in {{ setting_list('retention_teams') }}
    group by cost_month
),

kept as (
    select
        retention_months.cost_month,
        days.customer_key,
        retention_months.amount,
        count(*) over (partition by retention_months.cost_month) as customer_count
    from retention_months
    inner join {{ ref('fct_customer_order_days') }} as days
        on days.ordered_date < retention_months.cost_month
        and coalesce(days.next_ordered_date >= retention_months.cost_month, true)
        and cast({{ dbt.dateadd('day', setting('active_window_days'), 'days.ordered_date') }} as date) >= retention_months.cost_month
),

-- What a month's retention cost was shared by somebody; the rest stays with what winning customers cost.
shared_months as (
    select distinct cost_month, amount
    from kept
),

acquisition_months as (
    select
        acquisition.month,
        acquisition.new_customer_count,
        case
            when shared_months.cost_month is null then cast(acquisition.sales_and_marketing_cost_amount as decimal(28, 14))
            else cast(acquisition.sales_and_marketing_cost_amount as decimal(28, 14)) - cast(shared_months.amount as decimal(28, 14))
        end as amount
    from {{ ref('mart_acquisition__month') }} as acquisition
    left join shared_months on shared_months.cost_month = acquisition.month
    where acquisition.new_customer_count > 0
),

referrals as (
    select
        referrals.referrer_customer_key,
        referrals.customer_key,
        customers.acquired_date
    from {{ ref('fct_referrals') }} as referrals
    inner join customers on customers.customer_key = referrals.customer_key
    where referrals.referrer_customer_key is not null
),

parts as (
    select
        customer_key,
        cast({{ dbt.date_trunc('year', 'ordered_date') }} as date) as year,
        'order' as part,
        gross_margin_amount as amount
    from {{ ref('fct_orders') }}
    where is_counted and customer_key is not null
    union all
    select
        customer_key,
        cast({{ dbt.date_trunc('year', 'refunded_date') }} as date) as year,
        'refund' as part,
        refund_amount as amount
    from {{ ref('fct_refunds') }}
    where is_counted and customer_key is not null
    union all
    select
        referrals.referrer_customer_key as customer_key,
        cast({{ dbt.date_trunc('year', 'orders.ordered_date') }} as date) as year,
        'referred_order' as part,
        orders.gross_margin_amount as amount
    from referrals
    inner join {{ ref('fct_orders') }} as orders on orders.customer_key = referrals.customer_key
    where orders.is_counted and {{ dbt.datediff('referrals.acquired_date', 'orders.ordered_date', 'day') }} < 365
    union all
    select
        referrals.referrer_customer_key as customer_key,
        cast({{ dbt.date_trunc('year', 'refunds.refunded_date') }} as date) as year,
        'referred_refund' as part,
        refunds.refund_amount as amount
    from referrals
    inner join {{ ref('fct_refunds') }} as refunds on refunds.customer_key = referrals.customer_key
    where
        refunds.is_counted
        and not refunds.precedes_first_order
        and {{ dbt.datediff('referrals.acquired_date', 'refunds.refunded_date', 'day') }} between 0 and 364
    union all
    select
        referrer_customer_key as customer_key,
        cast({{ dbt.date_trunc('year', 'acquired_date') }} as date) as year,
        'referred_customer' as part,
        cast(null as decimal(38, 14)) as amount
    from referrals
    union all
    select
        customers.customer_key,
        cast({{ dbt.date_trunc('year', 'customers.cohort_month') }} as date) as year,
        'acquisition' as part,
        {{ exact_share('acquisition_months.amount', '1', 'acquisition_months.new_customer_count') }} as amount
    from customers
    left join acquisition_months on acquisition_months.month = customers.cohort_month
    union all
    select
        customer_key,
        cast({{ dbt.date_trunc('year', 'cost_month') }} as date) as year,
        'service' as part,
        cost_to_serve_amount as amount
    from {{ ref('fct_cost_to_serve') }}
    where customer_key is not null
    union all
    select
        customer_key,
        cast({{ dbt.date_trunc('year', 'cost_month') }} as date) as year,
        'retention' as part,
        {{ exact_share('amount', '1', 'customer_count') }} as amount
    from kept
),

customer_years as (
    select
        parts.customer_key,
        parts.year,
        {% for part in ['order', 'refund', 'referred_order', 'referred_refund', 'referred_customer', 'acquisition', 'service', 'retention'] -%}
        count(case when parts.part = '{{ part }}' then 1 end) as {{ part }}_count,
        sum(case when parts.part = '{{ part }}' then parts.amount end) as {{ part }}_amount{{ ',' if not loop.last }}
        {% endfor %}
    from parts
    inner join customers on customers.customer_key = parts.customer_key
    group by parts.customer_key, parts.year
),

amounts as (
    select
        *,
        {{ less_refunds('order_amount', 'order_count', 'refund_amount', 'refund_count') }} as margin_amount,
        {{ less_refunds('referred_order_amount', 'referred_order_count', 'referred_refund_amount', 'referred_refund_count') }}
            as referral_value_amount,
        -- Null in the year of the first order while the ledger or the media spend of its month is not known.
        {{ zero_without_rows('acquisition_amount', 'acquisition_count') }} as acquisition_cost_amount,
        {{ zero_without_rows('service_amount', 'service_count') }} as cost_to_serve_amount,
        {{ zero_without_rows('retention_amount', 'retention_count') }} as retention_cost_amount
    from customer_years
),

published as (
    select
        *,
        {{ published_amount('margin_amount') }} as published_margin_amount,
        {{ published_amount('referral_value_amount') }} as published_referral_value_amount,
        {{ published_amount('cast(acquisition_cost_amount as decimal(28, 10))') }} as published_acquisition_cost_amount,
        {{ published_amount('cast(cost_to_serve_amount as decimal(28, 10))') }} as published_cost_to_serve_amount,
        {{ published_amount('cast(retention_cost_amount as decimal(28, 10))') }} as published_retention_cost_amount
    from amounts
),

-- The ratio is that of its published parts, which are all there is beside it.
costed as (
    select
        *,
        published_acquisition_cost_amount + published_cost_to_serve_amount + published_retention_cost_amount as cost_amount
    from published
),

final as (
    select
        cast(costed.customer_key as {{ dbt.type_string() }}) as customer_key,
        cast(costed.order_count as bigint) as order_count,
        cast(costed.referred_customer_count as bigint) as referred_customer_count,
        cast(costed.published_margin_amount as decimal(24, 4)) as margin_amount,
        cast(costed.published_referral_value_amount as decimal(24, 4)) as referral_value_amount,
        cast(costed.published_acquisition_cost_amount as decimal(24, 4)) as acquisition_cost_amount,
        cast(costed.published_cost_to_serve_amount as decimal(24, 4)) as cost_to_serve_amount,
        cast(costed.published_retention_cost_amount as decimal(24, 4)) as retention_cost_amount,
        cast(costed.cost_amount as decimal(24, 4)) as customer_cost_amount,
        {{ ratio(
            'costed.published_margin_amount + costed.published_referral_value_amount - costed.cost_amount', 'costed.cost_amount'
        ) }} as customer_roi,
        coalesce(
            clock.as_of >= cast({{ dbt.dateadd('day', -1, dbt.dateadd('year', 1, 'costed.year')) }} as date), false
        ) as is_final,
        cast(costed.year as date) as year,
        {{ mart_columns('mart_customer_value__customer_year') }}
    from costed
    cross join clock
)

select * from final
