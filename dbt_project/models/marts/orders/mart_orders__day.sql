with orders as (
    select * from {{ ref('fct_orders') }}
    where is_counted
),

refunds as (
    select * from {{ ref('fct_refunds') }}
    where is_counted
),

-- Three kinds of events, each on its own date; the measures that a kind lacks are null, so no sum sees them.
events as (
    select
        ordered_date as event_date,
        source_channel,
        'order' as event_kind,
        customer_key,
        units_count,
        gross_revenue_amount,
        line_discount_amount,
        order_discount_amount,
        ordered_revenue_amount as amount
    from orders
    union all
    select refunded_date, source_channel, 'refund', null, null, null, null, null, refund_amount
    from refunds
    union all
    select ordered_date, source_channel, 'refund_by_order_date', null, null, null, null, null, refund_amount
    from refunds
),

sums as (
    select
        event_date,
        source_channel,
        count(case when event_kind = 'order' then 1 end) as order_count,
        count(case when event_kind = 'order' then amount end) as known_amount_order_count,
        count(case when event_kind = 'order' and customer_key is null then 1 end) as anonymous_order_count,
        count(distinct customer_key) as customer_count,
        count(units_count) as known_units_order_count,
        count(case when event_kind = 'refund' then 1 end) as refund_count,
        count(case when event_kind = 'refund_by_order_date' then 1 end) as refund_count_by_order_date,
        sum(units_count) as units_count,
        sum(gross_revenue_amount) as gross_revenue_amount,
        sum(line_discount_amount) as line_discount_amount,
        sum(order_discount_amount) as order_discount_amount,
        sum(case when event_kind = 'order' then amount end) as ordered_revenue_amount,
        sum(case when event_kind = 'refund' then amount end) as refund_amount,
        sum(case when event_kind = 'refund_by_order_date' then amount end) as refund_amount_by_order_date
    from events
    group by event_date, source_channel
),

amounts as (
    select
        event_date,
        source_channel,
        order_count,
        known_amount_order_count,
        anonymous_order_count,
        customer_count,
        known_units_order_count,
        refund_count,
        {% for column in [
            'units_count', 'gross_revenue_amount', 'line_discount_amount', 'order_discount_amount',
            'ordered_revenue_amount',
        ] -%}
        {{ zero_without_rows(column, 'order_count') }} as {{ column }},
        {% endfor -%}
        {{ zero_without_rows('refund_amount', 'refund_count') }} as refund_amount,
        {{ zero_without_rows('refund_amount_by_order_date', 'refund_count_by_order_date') }}
            as refund_amount_by_order_date,
        {{ less_refunds('ordered_revenue_amount', 'order_count', 'refund_amount', 'refund_count') }}
            as net_revenue_amount,
        {{ less_refunds(
            'ordered_revenue_amount', 'order_count', 'refund_amount_by_order_date', 'refund_count_by_order_date'
        ) }} as net_revenue_amount_by_order_date
    from sums
),

final as (
    select
        cast(event_date as date) as date,
        cast(source_channel as {{ dbt.type_string() }}) as source_channel,
        cast(order_count as bigint) as order_count,
        cast(known_amount_order_count as bigint) as known_amount_order_count,
        cast(anonymous_order_count as bigint) as anonymous_order_count,
        cast(customer_count as bigint) as customer_count,
        cast(refund_count as bigint) as refund_count,
        cast(known_units_order_count as bigint) as known_units_order_count,
        cast(units_count as decimal(24, 6)) as units_count,
        {{ published_amount('gross_revenue_amount') }} as gross_revenue_amount,
        {{ published_amount('line_discount_amount') }} as line_discount_amount,
        {{ published_amount('order_discount_amount') }} as order_discount_amount,
        {{ published_amount('ordered_revenue_amount') }} as ordered_revenue_amount,
        {{ published_amount('refund_amount') }} as refund_amount,
        {{ published_amount('refund_amount_by_order_date') }} as refund_amount_by_order_date,
        {{ published_amount('net_revenue_amount') }} as net_revenue_amount,
        {{ published_amount('net_revenue_amount_by_order_date') }} as net_revenue_amount_by_order_date,
        {{ ratio('ordered_revenue_amount', 'known_amount_order_count') }} as average_order_value,
        {{ ratio('net_revenue_amount', 'known_amount_order_count') }} as average_order_value_net_of_refunds,
        {{ ratio('units_count', 'known_units_order_count') }} as average_order_quantity,
        {{ mart_columns('mart_orders__day') }}
    from amounts
)

select * from final
