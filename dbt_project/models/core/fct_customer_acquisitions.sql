with credits as (
    select
        order_key,
        marketing_channel,
        sum(credit) as credit,
        min(touch_number) as first_touch_number
    from {{ ref('fct_attribution') }}
    where is_first_order and attribution_model = {{ setting_text('acquisition_model') }}
    group by order_key, marketing_channel
),

ranked as (
    select
        *,
        row_number() over (
            partition by order_key order by credit desc, first_touch_number, marketing_channel
        ) as channel_rank
    from credits
),

final as (
    select
        orders.customer_key,
        orders.order_key as first_order_key,
        ranked.marketing_channel as acquisition_channel,
        orders.ordered_date as acquired_date,
        orders.order_month as cohort_month
    from {{ ref('fct_orders') }} as orders
    inner join ranked on ranked.order_key = orders.order_key and ranked.channel_rank = 1
    where orders.is_first_order
)

select * from final
