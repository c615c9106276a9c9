-- Companies and the unassigned, by themselves and as trees, sum to the facts; and of customers to mart_customer_value__customer.
-- Marts round every row to four decimals, so each sum may differ by half a unit of that per row.
with accounts as (
    select
        count(*) as row_count,
        coalesce(sum(customer_count), 0) as customer_count,
        coalesce(sum(prospect_count), 0) as prospect_count,
        coalesce(sum(order_count), 0) as order_count,
        coalesce(sum(refund_count), 0) as refund_count,
        coalesce(sum(contact_count), 0) as contact_count,
        coalesce(sum(opportunity_count), 0) as opportunity_count,
        coalesce(sum(ordered_revenue_amount), 0) as ordered_revenue_amount,
        coalesce(sum(refund_amount), 0) as refund_amount,
        coalesce(sum(net_revenue_amount), 0) as net_revenue_amount,
        coalesce(sum(won_amount), 0) as won_amount
    from {{ ref('mart_customer_value__account') }}
),

tops as (
    select
        count(*) as row_count,
        coalesce(sum(customer_count_with_children), 0) as customer_count,
        coalesce(sum(prospect_count_with_children), 0) as prospect_count,
        coalesce(sum(order_count_with_children), 0) as order_count,
        coalesce(sum(refund_count_with_children), 0) as refund_count,
        coalesce(sum(contact_count_with_children), 0) as contact_count,
        coalesce(sum(opportunity_count_with_children), 0) as opportunity_count,
        coalesce(sum(ordered_revenue_amount_with_children), 0) as ordered_revenue_amount,
        coalesce(sum(refund_amount_with_children), 0) as refund_amount,
        coalesce(sum(net_revenue_amount_with_children), 0) as net_revenue_amount,
        coalesce(sum(won_amount_with_children), 0) as won_amount
    from {{ ref('mart_customer_value__account') }}
    where is_top
),

orders as (
    select
        count(*) as order_count,
        coalesce(sum(ordered_revenue_amount), 0) as ordered_revenue_amount
    from {{ ref('fct_orders') }}
    where is_counted
),

refunds as (
    select
        count(*) as refund_count,
        coalesce(sum(refund_amount), 0) as refund_amount
    from {{ ref('fct_refunds') }}
    where is_counted
),

facts as (
    select
        (select count(*) from {{ ref('mart_customer_value__customer') }}) as customer_count,
        (select count(*) from {{ ref('dim_customers') }} where not is_customer) as prospect_count,
        orders.order_count,
        refunds.refund_count,
        (select count(*) from {{ ref('fct_interactions') }}) as contact_count,
        (select count(*) from {{ ref('fct_opportunities') }}) as opportunity_count,
        orders.ordered_revenue_amount,
        refunds.refund_amount,
        orders.ordered_revenue_amount - refunds.refund_amount as net_revenue_amount,
        (select coalesce(sum(won_amount), 0) from {{ ref('fct_opportunities') }}) as won_amount
    from orders
    cross join refunds
),

sums as (
    {%- for side in ['accounts', 'tops'] %}
    {%- set is_last_side = loop.last %}
    {%- for measure in [
        'customer_count', 'prospect_count', 'order_count', 'refund_count', 'contact_count', 'opportunity_count',
        'ordered_revenue_amount', 'refund_amount', 'net_revenue_amount', 'won_amount',
    ] %}
    select
        '{{ measure }} of {{ side }}' as subject,
        cast({{ side }}.{{ measure }} as decimal(38, 14)) as mart_sum,
        cast(facts.{{ measure }} as decimal(38, 14)) as fact_sum,
        {{ '0' if measure.endswith('_count') else side ~ '.row_count' }} as rounded_row_count
    from {{ side }}
    cross join facts
    {{ 'union all' if not (loop.last and is_last_side) }}
    {%- endfor %}
    {%- endfor %}
),

final as (
    select *
    from sums
    where abs(mart_sum - fact_sum) > 0.00005 * rounded_row_count
)

select * from final
