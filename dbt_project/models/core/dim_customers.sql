-- Every golden customer, prospects included; what their counted orders say of them, and nothing that identifies them.
with orders as (
    select
        *,
        max(ordered_date) over (partition by customer_key) as last_ordered_date
    from {{ ref('fct_orders') }}
    where customer_order_number is not null
),

order_totals as (
    select
        customer_key,
        count(*) as counted_order_count,
        max(case when is_first_order then order_key end) as first_order_key,
        max(case when is_first_order then ordered_at end) as acquired_at,
        max(case when is_first_order then ordered_date end) as acquired_date,
        max(ordered_at) as last_ordered_at,
        max(ordered_date) as last_ordered_date,
        max(case when ordered_date < last_ordered_date then ordered_date end) as previous_ordered_date
    from orders
    group by customer_key
),

-- Of a guest's addresses there is one: the address is what makes the guest.
guest_addresses as (
    select
        customer_key,
        min(email_hash) as email_hash
    from {{ ref('customer_email_hashes') }}
    group by customer_key
),

versions as (
    select max(email_hash_key_version) as email_hash_key_version
    from {{ ref('customer_email_hashes') }}
),

observed as (
    select
        customers.*,
        survivors.country_code,
        survivors.country_code_source as country_source,
        coalesce(survivors.has_marketing_consent, false) as has_marketing_consent,
        survivors.has_marketing_consent_source as marketing_consent_source,
        survivors.lead_marketing_channel,
        survivors.lead_marketing_channel_source,
        survivors.account_key,
        coalesce(survivors.email_hash, guest_addresses.email_hash) as email_hash,
        order_totals.first_order_key,
        coalesce(order_totals.counted_order_count, 0) as counted_order_count,
        order_totals.acquired_at,
        order_totals.acquired_date,
        order_totals.last_ordered_at,
        order_totals.last_ordered_date,
        order_totals.previous_ordered_date,
        {{ as_of('dim_customers') }} as as_of_date
    from {{ source('identity_output', 'customers') }} as customers
    left join order_totals
        on order_totals.customer_key = customers.customer_key
    left join {{ ref('int_customers__survivors') }} as survivors
        on survivors.customer_key = customers.customer_key
    left join guest_addresses
        on guest_addresses.customer_key = customers.customer_key
),

final as (
    select
        customer_key,
        first_order_key,
        account_key,
        country_code,
        country_source,
        lead_marketing_channel,
        lead_marketing_channel_source,
        marketing_consent_source,
        email_hash,
        case when email_hash is not null then versions.email_hash_key_version end as email_hash_key_version,
        evidence_kinds,
        {{ lifecycle_stage('counted_order_count', 'last_ordered_date', 'previous_ordered_date', 'as_of_date') }}
            as lifecycle_stage,
        record_count,
        contact_record_count,
        lead_record_count,
        shop_record_count,
        cast(counted_order_count as bigint) as counted_order_count,
        is_identified,
        has_marketing_consent,
        counted_order_count > 0 as is_customer,
        acquired_date,
        cast({{ dbt.date_trunc('month', 'acquired_date') }} as date) as cohort_month,
        last_ordered_date,
        previous_ordered_date,
        as_of_date,
        first_seen_at,
        acquired_at,
        last_ordered_at
    from observed
    cross join versions
)

select * from final
