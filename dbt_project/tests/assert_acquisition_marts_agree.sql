-- The channels' media spend and costs, under any one model, are the month's, but for each row's rounding to 0.0001.
with channels as (
    select
        month,
        count(*) as row_count,
        sum(media_spend_amount) as media_spend_amount,
        sum(fully_loaded_cost_amount) as cost_amount
    from {{ ref('mart_acquisition__channel_month') }}
    where attribution_model = {{ setting_text('acquisition_model') }}
    group by month
),

final as (
    select
        months.month,
        months.media_spend_amount,
        channels.media_spend_amount as channels_media_spend_amount,
        months.sales_and_marketing_cost_amount,
        channels.cost_amount as channels_cost_amount
    from {{ ref('mart_acquisition__month') }} as months
    left join channels on channels.month = months.month
    where
        abs(coalesce(months.media_spend_amount, 0) - coalesce(channels.media_spend_amount, 0))
        > (coalesce(channels.row_count, 0) + 1) * 0.00005
        or abs(coalesce(months.sales_and_marketing_cost_amount, 0) - coalesce(channels.cost_amount, 0))
        > (coalesce(channels.row_count, 0) + 1) * 0.00005
)

select * from final
