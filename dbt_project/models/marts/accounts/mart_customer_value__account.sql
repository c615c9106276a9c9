-- What each company is worth: by itself, and with every company below it. Customers without a company, people without
-- a record and the anonymous bucket are one row, `unassigned`, so that the rows at the top sum to all there is.
with accounts as (
    select
        dim_accounts.account_key,
        dim_accounts.parent_account_key,
        dim_accounts.top_account_key,
        dim_accounts.account_level,
        hierarchy.first_tour_number,
        hierarchy.last_tour_number
    from {{ ref('dim_accounts') }} as dim_accounts
    inner join {{ source('identity_output', 'account_hierarchy') }} as hierarchy
        on hierarchy.id_namespace = dim_accounts.id_namespace
        and hierarchy.account_id = dim_accounts.account_id
    union all
    select
        'unassigned' as account_key,
        null as parent_account_key,
        'unassigned' as top_account_key,
        0 as account_level,
        0 as first_tour_number,
        0 as last_tour_number
),

customers as (
    select
        customer_key,
        coalesce(account_key, 'unassigned') as account_key,
        is_customer
    from {{ ref('dim_customers') }}
),

people as (
    select
        account_key,
        count(case when is_customer then 1 end) as customer_count,
        count(case when not is_customer then 1 end) as prospect_count
    from customers
    group by account_key
),

orders as (
    select
        coalesce(customers.account_key, 'unassigned') as account_key,
        count(*) as order_count,
        count(orders.ordered_revenue_amount) as known_amount_order_count,
        sum(orders.ordered_revenue_amount) as ordered_revenue_amount
    from {{ ref('fct_orders') }} as orders
    left join customers
        on customers.customer_key = orders.customer_key
    where orders.is_counted
    group by coalesce(customers.account_key, 'unassigned')
),

refunds as (
    select
        coalesce(customers.account_key, 'unassigned') as account_key,
        count(*) as refund_count,
        count(refunds.refund_amount) as known_amount_refund_count,
        sum(refunds.refund_amount) as refund_amount
    from {{ ref('fct_refunds') }} as refunds
    left join customers
        on customers.customer_key = refunds.customer_key
    where refunds.is_counted
    group by coalesce(customers.account_key, 'unassigned')
),

contacts as (
    select
        coalesce(customers.account_key, 'unassigned') as account_key,
        count(*) as contact_count
    from {{ ref('fct_interactions') }} as interactions
    left join customers
        on customers.customer_key = interactions.customer_key
    group by coalesce(customers.account_key, 'unassigned')
),

opportunities as (
    select
        coalesce(account_key, 'unassigned') as account_key,
        count(*) as opportunity_count,
        count(case when is_won then 1 end) as won_opportunity_count,
        count(won_amount) as known_amount_opportunity_count,
        sum(won_amount) as won_amount
    from {{ ref('fct_opportunities') }}
    group by coalesce(account_key, 'unassigned')
),

-- Counts and known sums add up along the tree; whether a sum of them is known is a question for the end.
own as (
    select
        accounts.account_key,
        accounts.parent_account_key,
        accounts.top_account_key,
        accounts.account_level,
        accounts.first_tour_number,
        accounts.last_tour_number,
        coalesce(people.customer_count, 0) as customer_count,
        coalesce(people.prospect_count, 0) as prospect_count,
        coalesce(orders.order_count, 0) as order_count,
        coalesce(orders.known_amount_order_count, 0) as known_amount_order_count,
        coalesce(refunds.refund_count, 0) as refund_count,
        coalesce(refunds.known_amount_refund_count, 0) as known_amount_refund_count,
        coalesce(contacts.contact_count, 0) as contact_count,
        coalesce(opportunities.opportunity_count, 0) as opportunity_count,
        coalesce(opportunities.won_opportunity_count, 0) as won_opportunity_count,
        coalesce(opportunities.known_amount_opportunity_count, 0) as known_amount_opportunity_count,
        cast(coalesce(orders.ordered_revenue_amount, 0) as decimal(36, 14)) as ordered_revenue_amount,
        cast(coalesce(refunds.refund_amount, 0) as decimal(36, 14)) as refund_amount,
        cast(coalesce(opportunities.won_amount, 0) as decimal(36, 14)) as won_amount
    from accounts
    left join people
        on people.account_key = accounts.account_key
    left join orders
        on orders.account_key = accounts.account_key
    left join refunds
        on refunds.account_key = accounts.account_key
    left join contacts
        on contacts.account_key = accounts.account_key
    left join opportunities
        on opportunities.account_key = accounts.account_key
),

{% set measures = [
    'customer_count', 'prospect_count', 'order_count', 'known_amount_order_count', 'refund_count',
    'known_amount_refund_count', 'contact_count', 'opportunity_count', 'won_opportunity_count',
    'known_amount_opportunity_count', 'ordered_revenue_amount', 'refund_amount', 'won_amount',
] -%}
-- All up to here in the order of the tour; the difference of two places is what lies between them.
running as (
    select
        first_tour_number
        {%- for measure in measures %},
        cast(
            sum({{ measure }}) over (order by first_tour_number rows between unbounded preceding and current row)
            as {{ 'bigint' if measure.endswith('_count') else 'decimal(36, 14)' }}
        ) as {{ measure }}
        {%- endfor %}
    from own
),

trees as (
    select
        own.account_key
        {%- for measure in measures %},
        cast(
            ends.{{ measure }} - starts.{{ measure }} + own.{{ measure }}
            as {{ 'bigint' if measure.endswith('_count') else 'decimal(36, 14)' }}
        ) as {{ measure }}
        {%- endfor %}
    from own
    inner join running as starts
        on starts.first_tour_number = own.first_tour_number
    inner join running as ends
        on ends.first_tour_number = own.last_tour_number
),

{% set sides = {'own': '', 'trees': '_with_children'} -%}
final as (
    select
        cast(own.account_key as {{ dbt.type_string() }}) as account_key,
        cast(own.parent_account_key as {{ dbt.type_string() }}) as parent_account_key,
        cast(own.top_account_key as {{ dbt.type_string() }}) as top_account_key,
        cast(own.account_level as bigint) as account_level,
        {% for side, suffix in sides.items() -%}
        {% for measure in measures if measure.endswith('_count') -%}
        cast({{ side }}.{{ measure }} as bigint) as {{ measure }}{{ suffix }},
        {% endfor -%}
        {% endfor -%}
        {% for side, suffix in sides.items() -%}
        {{ published_amount(known_sum(side ~ '.ordered_revenue_amount', side ~ '.order_count', side ~ '.known_amount_order_count')) }}
            as ordered_revenue_amount{{ suffix }},
        {{ published_amount(known_sum(side ~ '.refund_amount', side ~ '.refund_count', side ~ '.known_amount_refund_count')) }}
            as refund_amount{{ suffix }},
        {{ published_amount(known_sum(
            side ~ '.ordered_revenue_amount - ' ~ side ~ '.refund_amount',
            side ~ '.order_count + ' ~ side ~ '.refund_count',
            side ~ '.known_amount_order_count + ' ~ side ~ '.known_amount_refund_count'
        )) }} as net_revenue_amount{{ suffix }},
        {{ published_amount(known_sum(
            side ~ '.won_amount', side ~ '.won_opportunity_count', side ~ '.known_amount_opportunity_count'
        )) }} as won_amount{{ suffix }},
        {% endfor -%}
        {{ ratio('own.ordered_revenue_amount', 'own.known_amount_order_count') }} as average_order_value,
        own.top_account_key = own.account_key as is_top,
        {{ mart_columns('mart_customer_value__account') }}
    from own
    inner join trees
        on trees.account_key = own.account_key
    where trees.customer_count + trees.prospect_count + trees.order_count + trees.refund_count
        + trees.contact_count + trees.opportunity_count > 0
)

select * from final
