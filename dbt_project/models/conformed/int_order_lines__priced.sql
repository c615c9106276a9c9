{{ config(materialized='view') }}

-- The ladder of one line in its order's currency. Lines that are not revenue (shipping, gift cards, types that the
-- map does not know) are 0 on every rung, so that sums need no filter. A discount that is not stated was not given.
with typed as (
    select
        *,
        line_type in ('product', 'fee') as is_revenue,
        unit_cost_amount is not null as is_cost_known,
        {{ quantity_amount('quantity', 'unit_price_amount') }} as price_amount,
        {{ quantity_amount('quantity', 'unit_cost_amount') }} as cost_amount,
        cast(coalesce(discount_amount, 0) as decimal(38, 4)) as stated_discount_amount
    from {{ ref('int_order_lines__unioned') }}
),

final as (
    select
        source_system,
        id_namespace,
        order_id,
        line_number,
        product_id,
        product_category,
        line_type,
        quantity,
        unit_price_amount as unit_price_amount_local,
        case when is_revenue then price_amount else 0 end as gross_revenue_amount_local,
        case when is_revenue then stated_discount_amount else 0 end as discount_amount_local,
        case when is_revenue and is_cost_known then price_amount - stated_discount_amount - cost_amount else 0 end
            as known_margin_amount_local,
        case when is_revenue and not is_cost_known then price_amount - stated_discount_amount else 0 end
            as costless_revenue_amount_local,
        is_revenue,
        is_cost_known
    from typed
)

select * from final
