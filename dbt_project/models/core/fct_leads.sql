-- Leads and whether they became customers (metrics.md, Conversion): the golden customer's first purchase decides, a
-- counted order or a won opportunity, whichever is earlier. Before the lead it makes an existing customer, who cannot
-- convert.
with leads as (
    select
        *,
        {{ surrogate_key(['id_namespace', 'lead_id']) }} as lead_key,
        {{ business_date('created_at') }} as created_date
    from {{ ref('int_leads__resolved') }}
    where not is_deleted
),

purchases as (
    select
        customer_key,
        ordered_at as purchased_at
    from {{ ref('fct_orders') }}
    where is_first_order
    union all
    select
        customer_key,
        closed_at as purchased_at
    from {{ ref('fct_opportunities') }}
    where is_won
        and customer_key is not null
),

first_purchases as (
    select
        customer_key,
        min(purchased_at) as purchased_at
    from purchases
    group by customer_key
),

judged as (
    select
        leads.*,
        coalesce(first_purchases.purchased_at < leads.created_at, false) as is_existing_customer,
        case when first_purchases.purchased_at >= leads.created_at then first_purchases.purchased_at end
            as conversion_at
    from leads
    left join first_purchases
        on first_purchases.customer_key = leads.customer_key
),

dated as (
    select
        *,
        {{ business_date('conversion_at') }} as conversion_date
    from judged
),

final as (
    select
        lead_key,
        customer_key,
        {{ surrogate_key(['id_namespace', 'opportunity_id']) }} as opportunity_key,
        source_system,
        case when lead_id not like '%@%' then lead_id end as lead_id,
        opportunity_id,
        marketing_channel,
        campaign_id,
        lead_status,
        cast({{ dbt.datediff('created_date', 'conversion_date', 'day') }} as bigint) as days_to_convert,
        is_existing_customer,
        conversion_at is not null as is_converted,
        created_date,
        cast({{ dbt.date_trunc('month', 'created_date') }} as date) as lead_month,
        {{ business_date('qualified_at') }} as qualified_date,
        {{ business_date('converted_at') }} as converted_date,
        conversion_date,
        created_at,
        qualified_at,
        converted_at,
        conversion_at
    from dated
)

select * from final
