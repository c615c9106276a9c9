-- As of `current`, everything complete; as of `backtest`, what was known when the last year or half of the history began.
with observed as (
    select
        {{ as_of('mart_customer_value__customer') }} as observed_date,
        min(acquired_date) as first_date
    from {{ ref('dim_customers') }}
    where is_customer and acquired_date <= {{ as_of('mart_customer_value__customer') }}
),

lengths as (
    select
        observed_date,
        least(365, cast(floor(({{ dbt.datediff('first_date', 'observed_date', 'day') }} + 1) / 2) as integer))
            as holdout_days
    from observed
    where first_date is not null
),

calibrations as (
    select
        'current' as calibration,
        observed_date as calibration_end_date,
        observed_date
    from lengths
    union all
    select
        'backtest' as calibration,
        cast({{ dbt.dateadd('day', '-holdout_days', 'observed_date') }} as date) as calibration_end_date,
        observed_date
    from lengths
),

purchase_days as (
    select
        orders.customer_key,
        customers.acquired_date,
        orders.ordered_date,
        -- A day with an order of unknown amount has an unknown value.
        case when count(*) = count(orders.ordered_revenue_amount) then sum(orders.ordered_revenue_amount) end
            as value_amount
    from {{ ref('fct_orders') }} as orders
    inner join {{ ref('dim_customers') }} as customers
        on customers.customer_key = orders.customer_key
    where orders.is_counted and customers.acquired_date is not null
    group by orders.customer_key, customers.acquired_date, orders.ordered_date
),

placed as (
    select
        calibrations.calibration,
        calibrations.calibration_end_date,
        calibrations.observed_date,
        purchase_days.customer_key,
        purchase_days.acquired_date,
        purchase_days.ordered_date,
        purchase_days.value_amount,
        purchase_days.ordered_date <= calibrations.calibration_end_date as is_known,
        purchase_days.ordered_date > purchase_days.acquired_date
        and purchase_days.ordered_date <= calibrations.calibration_end_date as is_repeat
    from calibrations
    inner join purchase_days
        on purchase_days.acquired_date <= calibrations.calibration_end_date
        and purchase_days.ordered_date <= calibrations.observed_date
),

counted as (
    select
        calibration,
        customer_key,
        calibration_end_date,
        observed_date,
        acquired_date,
        max(case when is_known then ordered_date end) as last_ordered_date,
        count(case when is_repeat then 1 end) as repeat_purchase_day_count,
        count(case when is_repeat then value_amount end) as valued_purchase_day_count,
        coalesce(sum(case when is_repeat then value_amount end), 0) as repeat_value_amount,
        count(case when not is_known then 1 end) as holdout_purchase_day_count,
        coalesce(sum(case when not is_known then value_amount end), 0) as holdout_value_amount
    from placed
    group by calibration, customer_key, calibration_end_date, observed_date, acquired_date
),

final as (
    select
        customer_key,
        calibration,
        cast(repeat_purchase_day_count as bigint) as repeat_purchase_day_count,
        cast({{ dbt.datediff('acquired_date', 'last_ordered_date', 'day') }} as bigint) as recency_days,
        cast({{ dbt.datediff('acquired_date', 'calibration_end_date', 'day') }} as bigint) as observed_days,
        cast({{ dbt.datediff('calibration_end_date', 'observed_date', 'day') }} as bigint) as holdout_days,
        cast(valued_purchase_day_count as bigint) as valued_purchase_day_count,
        cast(holdout_purchase_day_count as bigint) as holdout_purchase_day_count,
        cast(repeat_value_amount as decimal(38, 14)) as repeat_value_amount,
        cast(holdout_value_amount as decimal(38, 14)) as holdout_value_amount,
        acquired_date,
        calibration_end_date
    from counted
)

select * from final
