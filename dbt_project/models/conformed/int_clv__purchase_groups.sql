-- Customers whose purchase histories are alike are one row: all that the models need to know, and no customer's key.
with histories as (
    select * from {{ ref('fct_customer_purchase_histories') }}
),

final as (
    select
        calibration,
        repeat_purchase_day_count,
        recency_days,
        observed_days,
        holdout_days,
        valued_purchase_day_count,
        holdout_purchase_day_count,
        cast(count(*) as bigint) as customer_count,
        repeat_value_amount,
        holdout_value_amount,
        calibration_end_date
    from histories
    group by
        calibration,
        repeat_purchase_day_count,
        recency_days,
        observed_days,
        holdout_days,
        valued_purchase_day_count,
        holdout_purchase_day_count,
        repeat_value_amount,
        holdout_value_amount,
        calibration_end_date
)

select * from final
