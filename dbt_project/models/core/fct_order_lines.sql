-- Lines of known orders; the ladder of a line at its order's rate.
with rated as (
    select
        lines.*,
        orders.order_key,
        orders.currency_code,
        orders.exchange_rate,
        orders.is_counted,
        orders.ordered_date
    from {{ ref('int_order_lines__priced') }} as lines
    inner join {{ ref('fct_orders') }} as orders
        on orders.id_namespace = lines.id_namespace
        and orders.order_id = lines.order_id
),

valued as (
    select
        *,
        {{ to_reporting('gross_revenue_amount_local', 'exchange_rate', 10) }} as gross_revenue_amount,
        {{ to_reporting('discount_amount_local', 'exchange_rate') }} as discount_amount,
        case
            when is_cost_known then {{ to_reporting('known_margin_amount_local', 'exchange_rate', 10) }}
            else {{ estimated_margin('costless_revenue_amount_local', 'exchange_rate') }}
        end as margin_amount
    from rated
),

final as (
    select
        {{ surrogate_key(['id_namespace', 'order_id', 'line_number']) }} as order_line_key,
        order_key,
        source_system,
        order_id,
        line_number,
        product_id,
        product_category,
        line_type,
        currency_code,
        quantity,
        unit_price_amount_local,
        gross_revenue_amount,
        discount_amount,
        gross_revenue_amount - discount_amount as revenue_amount,
        margin_amount,
        is_revenue,
        is_cost_known,
        is_counted,
        ordered_date
    from valued
)

select * from final
