-- Under every model the channels' net revenue is that of the month by order date, but for each row's rounding to 0.0001.
with models as (
    {{ attribution_model_rows() }}
),

amounts as (
    select
        order_month as month,
        ordered_revenue_amount as amount
    from {{ ref('fct_orders') }}
    where is_counted
    union all
    select
        cast({{ dbt.date_trunc('month', 'ordered_date') }} as date) as month,
        -refund_amount as amount
    from {{ ref('fct_refunds') }}
    where is_counted
),

expected as (
    select
        amounts.month,
        models.attribution_model,
        sum(amounts.amount) as amount
    from amounts
    cross join models
    group by amounts.month, models.attribution_model
),

attributed as (
    select
        month,
        attribution_model,
        count(*) as row_count,
        sum(attributed_net_revenue_amount) as amount
    from {{ ref('mart_acquisition__channel_month') }}
    group by month, attribution_model
),

final as (
    select
        coalesce(expected.month, attributed.month) as month,
        coalesce(expected.attribution_model, attributed.attribution_model) as attribution_model,
        expected.amount as expected_amount,
        attributed.amount as published_amount
    from expected
    full outer join attributed
        on attributed.month = expected.month and attributed.attribution_model = expected.attribution_model
    where
        abs(coalesce(cast(expected.amount as decimal(28, 14)), 0) - coalesce(cast(attributed.amount as decimal(28, 14)), 0))
        > coalesce(attributed.row_count, 0) * 0.00005
)

select * from final
