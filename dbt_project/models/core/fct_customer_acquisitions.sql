with credits as (
    select
        customer_key,
        order_key,
        ordered_date,
        order_month,
        marketing_channel,
        sum(credit) as credit,
        min(touch_number) as first_touch_number
    from {{ ref('fct_attribution') }}
    where is_first_order and attribution_model = {{ setting_text('acquisition_model') }}
    group by customer_key, order_key, ordered_date, order_month, marketing_channel
),

ranked as (
    select
        *,
        row_number() over (
            partition by customer_key order by credit desc, first_touch_number, marketing_channel
        ) as channel_rank
    from credits
),

final as (
    select
        customer_key,
        order_key as first_order_key,
        marketing_channel as acquisition_channel,
        ordered_date as acquired_date,
        order_month as cohort_month
    from ranked
    where channel_rank = 1
)

select * from final
