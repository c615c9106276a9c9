with source as (
    select * from {{ source('online_retail', 'lines') }}
),

renamed as (
    select
        'online_retail' as source_system,
        'online_retail' as id_namespace,
        source.invoice_no,
        source.line_position,
        source.stock_code,
        -- customer numbers arrive as decimal numbers: 17850.0 is customer 17850
        regexp_replace(source.customer_id, '[.]0+$', '') as customer_id,
        coalesce(codes.line_type, 'product') as line_type,
        case left(source.invoice_no, 1) when 'C' then 'cancellation' when 'A' then 'adjustment' else 'invoice' end
            as invoice_type,
        source.quantity,
        source.unit_price_amount,
        coalesce(codes.is_sale, true) and source.quantity > 0 and source.unit_price_amount > 0 as is_sale,
        coalesce(codes.is_refundable, true) as is_refundable,
        source.invoiced_at,
        coalesce(source.is_deleted, false) as is_deleted
    from source
    left join {{ ref('map_online_retail_stock_codes') }} as codes
        on codes.stock_code = upper(source.stock_code)
)

select * from renamed
