{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('order_lines', 'ecommerce', 'order_lines') }}
),

line_types as (
    {{ value_map('map_line_types', 'line_type') }}
),

final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.order_id,
        unioned.line_number,
        unioned.product_id,
        unioned.product_category,
        unioned.quantity,
        unioned.unit_price_amount,
        unioned.discount_amount,
        unioned.unit_cost_amount,
        case
            when unioned.line_type is null then 'product'
            else coalesce(line_types.line_type, 'unmapped')
        end as line_type,
        unioned.updated_at
    from unioned
    left join line_types
        on line_types.vendor_value = lower(trim(unioned.line_type))
    where not coalesce(unioned.is_deleted, false)
)

select * from final
