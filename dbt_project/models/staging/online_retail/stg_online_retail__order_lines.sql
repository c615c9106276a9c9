with source as (
    select * from {{ ref('stg_online_retail__lines') }}
),

renamed as (
    select
        source_system,
        id_namespace,
        invoice_no as order_id,
        cast(line_position as {{ dbt.type_string() }}) as line_number,
        stock_code as product_id,
        cast(null as {{ dbt.type_string() }}) as product_category,
        quantity,
        unit_price_amount,
        cast(null as decimal(18, 4)) as discount_amount,
        cast(null as decimal(18, 4)) as unit_cost_amount,
        line_type,
        invoiced_at as updated_at,
        is_deleted
    from source
)

select * from renamed
