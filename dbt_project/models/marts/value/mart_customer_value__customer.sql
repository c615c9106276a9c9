with customers as (
    select * from {{ ref('dim_customers') }}
    where is_customer
),

orders as (
    select
        customer_key,
        count(*) as order_count,
        count(ordered_revenue_amount) as known_amount_order_count,
        sum(ordered_revenue_amount) as ordered_revenue_amount,
        sum(gross_margin_amount) as gross_margin_amount,
        min(margin_basis) as least_margin_basis,
        max(margin_basis) as greatest_margin_basis
    from {{ ref('fct_orders') }}
    where is_counted and customer_key is not null
    group by customer_key
),

refunds as (
    select
        customer_key,
        count(*) as refund_count,
        sum(refund_amount) as refund_amount
    from {{ ref('fct_refunds') }}
    where is_counted and customer_key is not null
    group by customer_key
),

contacts as (
    select
        customer_key,
        count(*) as contact_count
    from {{ ref('fct_interactions') }}
    where customer_key is not null
    group by customer_key
),

costs as (
    select
        customer_key,
        count(*) as cost_month_count,
        sum(cost_to_serve_amount) as cost_to_serve_amount,
        sum(agent_time_cost_amount) as agent_time_cost_amount
    from {{ ref('fct_cost_to_serve') }}
    where customer_key is not null
    group by customer_key
),

scorable_answers as (
    select
        customer_key,
        nps_score_0_10,
        row_number() over (
            partition by customer_key order by responded_at desc, response_id desc, response_key desc
        ) as answer_age
    from {{ ref('fct_survey_responses') }}
    where survey_type = 'nps' and is_scorable and responded_at is not null and customer_key is not null
),

amounts as (
    select
        customers.customer_key,
        customers.acquired_date,
        customers.last_ordered_date,
        customers.previous_ordered_date,
        acquisitions.acquisition_channel,
        orders.order_count,
        orders.known_amount_order_count,
        coalesce(refunds.refund_count, 0) as refund_count,
        coalesce(contacts.contact_count, 0) as contact_count,
        scorable_answers.nps_score_0_10,
        orders.ordered_revenue_amount,
        {{ zero_without_rows('refunds.refund_amount', 'refunds.refund_count') }} as refund_amount,
        {{ less_refunds(
            'orders.ordered_revenue_amount', 'orders.order_count', 'refunds.refund_amount', 'refunds.refund_count'
        ) }} as net_revenue_amount,
        {{ less_refunds(
            'orders.gross_margin_amount', 'orders.order_count', 'refunds.refund_amount', 'refunds.refund_count'
        ) }} as gross_margin_amount,
        case
            when orders.least_margin_basis = orders.greatest_margin_basis then orders.least_margin_basis
            when orders.least_margin_basis is not null then 'mixed'
        end as margin_basis,
        {{ zero_without_rows('costs.cost_to_serve_amount', 'costs.cost_month_count') }} as cost_to_serve_amount,
        {{ zero_without_rows('costs.agent_time_cost_amount', 'costs.cost_month_count') }} as agent_time_cost_amount,
        predictions.model_version,
        -- First bought after the last complete day: seen, but in nobody's calibration.
        coalesce(predictions.prediction_status, 'not_calibrated') as prediction_status,
        predictions.probability_alive,
        predictions.expected_purchases_12m,
        predictions.expected_purchase_value,
        predictions.customer_lifetime_value_predicted_3m,
        predictions.customer_lifetime_value_predicted_6m,
        predictions.customer_lifetime_value_predicted_12m,
        predictions.customer_lifetime_value_predicted_24m,
        coalesce(predictions.is_published_grade, false) as is_published_grade,
        {{ as_of('mart_customer_value__customer') }} as observed_date
    from customers
    inner join orders
        on orders.customer_key = customers.customer_key
    left join {{ ref('fct_customer_acquisitions') }} as acquisitions
        on acquisitions.customer_key = customers.customer_key
    left join refunds
        on refunds.customer_key = customers.customer_key
    left join contacts
        on contacts.customer_key = customers.customer_key
    left join costs
        on costs.customer_key = customers.customer_key
    left join scorable_answers
        on scorable_answers.customer_key = customers.customer_key and scorable_answers.answer_age = 1
    left join {{ ref('fct_customer_predictions') }} as predictions
        on predictions.customer_key = customers.customer_key
),

-- Unknown revenue has no rank: the customer stays out of the quintiles instead of filling the lowest one.
scores as (
    select
        *,
        ntile(5) over (order by last_ordered_date, customer_key) as recency_score,
        ntile(5) over (order by order_count, customer_key) as frequency_score,
        case
            when net_revenue_amount is not null
                then ntile(5) over (
                    partition by case when net_revenue_amount is null then 1 else 0 end
                    order by net_revenue_amount, customer_key
                )
        end as monetary_score
    from amounts
),

final as (
    select
        cast(customer_key as {{ dbt.type_string() }}) as customer_key,
        cast(acquisition_channel as {{ dbt.type_string() }}) as acquisition_channel,
        cast(margin_basis as {{ dbt.type_string() }}) as margin_basis,
        cast(
            {{ lifecycle_stage('order_count', 'last_ordered_date', 'previous_ordered_date', 'observed_date') }}
            as {{ dbt.type_string() }}
        ) as lifecycle_stage,
        cast(model_version as {{ dbt.type_string() }}) as model_version,
        cast(prediction_status as {{ dbt.type_string() }}) as prediction_status,
        cast(order_count as bigint) as order_count,
        cast(known_amount_order_count as bigint) as known_amount_order_count,
        cast(refund_count as bigint) as refund_count,
        cast(contact_count as bigint) as contact_count,
        {{ published_amount('ordered_revenue_amount') }} as ordered_revenue_amount,
        {{ published_amount('refund_amount') }} as refund_amount,
        {{ published_amount('net_revenue_amount') }} as net_revenue_amount,
        {{ published_amount('gross_margin_amount') }} as gross_margin_amount,
        {{ published_amount('net_revenue_amount') }} as customer_lifetime_value_historical,
        {{ published_amount('gross_margin_amount') }} as customer_lifetime_value_historical_margin,
        -- Months are cut after the 14th decimal: thirds of several months sum to 0.00004999…, and mean 0.00005.
        {{ published_amount('cast(cost_to_serve_amount as decimal(28, 10))') }} as cost_to_serve_amount,
        {{ published_amount('cast(agent_time_cost_amount as decimal(28, 10))') }} as agent_time_cost_amount,
        {{ ratio('ordered_revenue_amount', 'known_amount_order_count') }} as average_order_value,
        {{ ratio('net_revenue_amount', 'known_amount_order_count') }} as average_order_value_net_of_refunds,
        {% for months in (3, 6, 12, 24) -%}
        {{ published_amount('customer_lifetime_value_predicted_' ~ months ~ 'm') }}
            as customer_lifetime_value_predicted_{{ months }}m,
        {% endfor -%}
        {{ published_amount('expected_purchase_value') }} as expected_purchase_value_amount,
        expected_purchases_12m,
        probability_alive,
        cast(nps_score_0_10 as decimal(18, 6)) as latest_net_promoter_score,
        cast(recency_score as bigint) as recency_score,
        cast(frequency_score as bigint) as frequency_score,
        cast(monetary_score as bigint) as monetary_score,
        cast(is_published_grade as boolean) as is_published_grade,
        cast(acquired_date as date) as acquired_date,
        cast(last_ordered_date as date) as last_ordered_date,
        cast({{ dbt.dateadd('day', setting('active_window_days'), 'last_ordered_date') }} as date) as lapsed_date,
        {{ mart_columns('mart_customer_value__customer') }}
    from scores
)

select * from final
