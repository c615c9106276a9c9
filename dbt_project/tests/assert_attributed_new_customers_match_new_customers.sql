-- Under every model the channels' new customers, unattributed included, are the customers whose first order is in the month.
with models as (
    {{ attribution_model_rows() }}
),

new_customers as (
    select
        order_month as month,
        count(*) as customer_count
    from {{ ref('fct_orders') }}
    where is_first_order
    group by order_month
),

expected as (
    select
        new_customers.month,
        models.attribution_model,
        new_customers.customer_count
    from new_customers
    cross join models
),

attributed as (
    select
        month,
        attribution_model,
        sum(attributed_new_customer_count) as customer_count
    from {{ ref('mart_acquisition__channel_month') }}
    group by month, attribution_model
),

by_model as (
    select
        coalesce(expected.month, attributed.month) as month,
        coalesce(expected.attribution_model, attributed.attribution_model) as compared_with,
        coalesce(expected.customer_count, 0) as expected_count,
        coalesce(attributed.customer_count, 0) as published_count
    from expected
    full outer join attributed
        on attributed.month = expected.month and attributed.attribution_model = expected.attribution_model
),

by_month as (
    select
        months.month,
        'mart_acquisition__month' as compared_with,
        coalesce(new_customers.customer_count, 0) as expected_count,
        coalesce(months.new_customer_count, 0) as published_count
    from {{ ref('mart_acquisition__month') }} as months
    left join new_customers on new_customers.month = months.month
),

final as (
    select * from by_model where expected_count <> published_count
    union all
    select * from by_month where expected_count <> published_count
)

select * from final
