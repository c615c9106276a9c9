with source as (
    select * from {{ ref('stg_online_retail__lines') }} where not is_deleted
),

renamed as (
    select
        source_system,
        id_namespace,
        invoice_no as order_id,
        max(customer_id) as customer_id,
        cast(null as {{ dbt.type_string() }}) as email,
        min(invoiced_at) as ordered_at,
        case
            when min(invoice_type) = 'cancellation' then 'cancelled'
            when max(case when invoice_type = 'invoice' and is_sale then 1 else 0 end) = 1 then 'completed'
            else 'failed'
        end as status,
        'GBP' as currency_code,
        cast(null as decimal(18, 4)) as discount_amount,
        cast(null as decimal(18, 4)) as shipping_amount,
        cast(null as decimal(18, 4)) as tax_amount,
        cast(null as decimal(18, 4)) as total_amount,
        'web' as source_channel,
        cast(null as {{ dbt.type_string() }}) as utm_source,
        cast(null as {{ dbt.type_string() }}) as utm_medium,
        cast(null as {{ dbt.type_string() }}) as utm_campaign,
        false as is_test,
        max(case when invoice_type = 'cancellation' then invoiced_at end) as cancelled_at,
        max(invoiced_at) as updated_at,
        false as is_deleted
    from source
    group by source_system, id_namespace, invoice_no
)

select * from renamed
