-- Lines of known orders; the ladder of a line at its order's rate.
with lines as (
    select
        *,
        {{ surrogate_key(['id_namespace', 'order_id']) }} as order_key
    from {{ ref('int_order_lines__priced') }}
),

final as (
    select
        {{ surrogate_key(['lines.id_namespace', 'lines.order_id', 'lines.line_number']) }} as order_line_key,
        lines.order_key,
        lines.source_system,
        lines.order_id,
        lines.line_number,
        lines.product_id,
        lines.product_category,
        lines.line_type,
        orders.currency_code,
        lines.quantity,
        lines.unit_price_amount_local,
        {{ to_reporting('lines.gross_revenue_amount_local', 'orders.exchange_rate', 10) }} as gross_revenue_amount,
        {{ to_reporting('lines.discount_amount_local', 'orders.exchange_rate', 10) }} as discount_amount,
        {{ to_reporting('lines.revenue_amount_local', 'orders.exchange_rate', 10) }} as revenue_amount,
        case
            when lines.is_cost_known
                then {{ to_reporting('lines.known_margin_amount_local', 'orders.exchange_rate', 10) }}
            else {{ estimated_margin(to_reporting('lines.costless_revenue_amount_local', 'orders.exchange_rate', 10)) }}
        end as margin_amount,
        lines.is_revenue,
        lines.is_cost_known,
        orders.is_counted,
        orders.ordered_date
    from lines
    inner join {{ ref('fct_orders') }} as orders
        on orders.order_key = lines.order_key
)

select * from final
