-- Every known order, counted or not, with its revenue ladder in the reporting currency (metrics.md, Revenue ladder).
with orders as (
    select
        *,
        {{ surrogate_key(['id_namespace', 'order_id']) }} as order_key,
        {{ business_date('ordered_at') }} as ordered_date,
        order_status in {{ setting_list('counted_order_statuses') }} and not is_test and cancelled_at is null
            as is_counted
    from {{ ref('int_orders__resolved') }}
),

line_totals as (
    select
        id_namespace,
        order_id,
        count(case when is_revenue then 1 end) as revenue_line_count,
        count(case when is_revenue and is_cost_known then 1 end) as known_cost_line_count,
        sum(case when line_type = 'product' then quantity else 0 end) as units_count,
        sum(gross_revenue_amount_local) as gross_revenue_amount_local,
        sum(discount_amount_local) as line_discount_amount_local,
        sum(known_margin_amount_local) as known_margin_amount_local,
        sum(costless_revenue_amount_local) as costless_revenue_amount_local
    from {{ ref('int_order_lines__priced') }}
    group by id_namespace, order_id
),

-- Where lines are delivered, an order without any waits for them; where they never are, the order's totals speak.
namespaces_with_lines as (
    select id_namespace from line_totals
    union
    select 'generic' as id_namespace
    from {{ source('meta_input', 'observed_through') }}
    where source = 'ecommerce' and table_name = 'order_lines'
),

refund_totals as (
    select
        order_key,
        count(*) as row_count,
        sum(refund_amount) as refund_amount
    from {{ ref('int_refunds__priced') }}
    where order_key is not null
    group by order_key
),

priced as (
    select
        orders.*,
        {{ exchange_rate('orders.currency_code', 'rates.exchange_rate') }} as exchange_rate,
        line_totals.order_id is not null as has_lines,
        namespaces_with_lines.id_namespace is not null as delivers_lines,
        line_totals.revenue_line_count,
        line_totals.known_cost_line_count,
        cast(line_totals.units_count as decimal(38, 6)) as units_count,
        line_totals.gross_revenue_amount_local,
        line_totals.line_discount_amount_local,
        -- A discount on an order without goods was given on what is not revenue; unstated means none.
        case
            when line_totals.revenue_line_count > 0 then cast(coalesce(orders.discount_amount, 0) as decimal(38, 4))
            when line_totals.revenue_line_count = 0 then cast(0 as decimal(38, 4))
        end as order_discount_amount_local,
        line_totals.known_margin_amount_local,
        line_totals.costless_revenue_amount_local,
        -- The total contains tax and shipping, so an unknown one leaves the revenue unknown.
        case
            when namespaces_with_lines.id_namespace is null
                then cast(orders.total_amount as decimal(38, 4)) - orders.tax_amount - orders.shipping_amount
        end as revenue_amount_local_from_total,
        coalesce(refund_totals.row_count, 0) as refund_count,
        refund_totals.refund_amount
    from orders
    left join line_totals
        on line_totals.id_namespace = orders.id_namespace
        and line_totals.order_id = orders.order_id
    left join namespaces_with_lines
        on namespaces_with_lines.id_namespace = orders.id_namespace
    left join refund_totals
        on refund_totals.order_key = orders.order_key
    left join {{ ref('int_exchange_rates__daily') }} as rates
        on rates.rate_date = orders.ordered_date
        and rates.currency_code = orders.currency_code
),

ladder as (
    select
        *,
        {{ to_reporting('gross_revenue_amount_local', 'exchange_rate', 10) }} as gross_revenue_amount,
        {{ to_reporting('line_discount_amount_local', 'exchange_rate') }} as line_discount_amount,
        {{ to_reporting('order_discount_amount_local', 'exchange_rate') }} as order_discount_amount,
        {{ to_reporting('revenue_amount_local_from_total', 'exchange_rate') }} as revenue_amount_from_total,
        {{ to_reporting('known_margin_amount_local', 'exchange_rate', 10) }} as known_margin_amount,
        {{ estimated_margin('costless_revenue_amount_local', 'exchange_rate') }} as estimated_margin_amount,
        case
            when is_counted and customer_key is not null
                then row_number() over (
                    partition by customer_key, is_counted
                    order by ordered_at, order_id, order_key
                )
        end as customer_order_number
    from priced
),

valued as (
    select
        *,
        case
            when delivers_lines then gross_revenue_amount - line_discount_amount - order_discount_amount
            else revenue_amount_from_total
        end as ordered_revenue_amount,
        case
            when delivers_lines
                then gross_revenue_amount_local - line_discount_amount_local - order_discount_amount_local
            else revenue_amount_local_from_total
        end as ordered_revenue_amount_local,
        case
            when delivers_lines then known_margin_amount + estimated_margin_amount - order_discount_amount
            else {{ estimated_margin('revenue_amount_local_from_total', 'exchange_rate') }}
        end as gross_margin_amount,
        {{ zero_without_rows('refund_amount', 'refund_count') }} as refund_amount_by_order_date
    from ladder
),

final as (
    select
        order_key,
        customer_key,
        source_system,
        id_namespace,
        order_id,
        source_channel,
        utm_source,
        utm_medium,
        utm_campaign,
        utm_marketing_channel,
        order_status,
        currency_code,
        case
            when ordered_revenue_amount is null or (delivers_lines and revenue_line_count = 0) then null
            when not delivers_lines or (revenue_line_count > 0 and known_cost_line_count = 0) then 'estimated'
            when known_cost_line_count < revenue_line_count then 'mixed'
            else 'actual'
        end as margin_basis,
        exchange_rate,
        cast(customer_order_number as bigint) as customer_order_number,
        units_count,
        cast(gross_revenue_amount as decimal(38, 14)) as gross_revenue_amount,
        cast(line_discount_amount as decimal(38, 14)) as line_discount_amount,
        cast(order_discount_amount as decimal(38, 14)) as order_discount_amount,
        cast(ordered_revenue_amount as decimal(38, 14)) as ordered_revenue_amount,
        cast(ordered_revenue_amount_local as decimal(38, 10)) as ordered_revenue_amount_local,
        cast(refund_amount_by_order_date as decimal(38, 14)) as refund_amount_by_order_date,
        cast(
            {{ less_refunds('ordered_revenue_amount', '1', 'refund_amount', 'refund_count') }} as decimal(38, 14)
        ) as net_revenue_amount,
        cast(gross_margin_amount as decimal(38, 14)) as gross_margin_amount,
        {{ to_reporting('shipping_amount', 'exchange_rate') }} as shipping_amount,
        {{ to_reporting('tax_amount', 'exchange_rate') }} as tax_amount,
        is_counted,
        is_test,
        coalesce(customer_order_number = 1, false) as is_first_order,
        exchange_rate is null as is_rate_missing,
        has_lines,
        ordered_date,
        cast({{ dbt.date_trunc('month', 'ordered_date') }} as date) as order_month,
        ordered_at
    from valued
)

select * from final
