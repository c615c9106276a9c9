with source as (
    select * from {{ ref('stg_online_retail__lines') }}
    where invoice_type = 'cancellation' and is_refundable and not is_deleted
),

renamed as (
    select
        source_system,
        id_namespace,
        invoice_no as refund_id,
        -- a cancellation names no original invoice: it counts for its customer on its own date
        cast(null as {{ dbt.type_string() }}) as order_id,
        max(customer_id) as customer_id,
        cast(null as {{ dbt.type_string() }}) as email,
        min(invoiced_at) as refunded_at,
        cast(
            sum(case when line_type in ('product', 'fee') then -quantity * unit_price_amount else 0 end) as decimal(18, 4)
        ) as amount,
        cast(null as decimal(18, 4)) as tax_amount,
        cast(
            sum(case when line_type = 'shipping' then -quantity * unit_price_amount else 0 end) as decimal(18, 4)
        ) as shipping_amount,
        'GBP' as currency_code,
        'cancellation' as reason,
        max(invoiced_at) as updated_at,
        false as is_deleted
    from source
    group by source_system, id_namespace, invoice_no
)

select * from renamed
