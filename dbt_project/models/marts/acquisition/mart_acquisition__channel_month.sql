with deliveries as (
    select
        {{ is_delivered('costs') }} as has_costs,
        {{ is_delivered('spend') }} as has_spend,
        {{ is_delivered('spend') }} or (select count(*) > 0 from {{ ref('fct_costs') }} where category = 'media') as has_media,
        {{ as_of('mart_acquisition__channel_month') }} as as_of
),

models as (
    {{ attribution_model_rows() }}
),

media as (
    select
        cost_month as month,
        marketing_channel,
        1 as row_count,
        media_spend_amount as amount
    from {{ ref('fct_media_spend') }}
),

platforms as (
    select
        spend_month as month,
        marketing_channel,
        count(*) as row_count,
        sum(platform_conversion_count) as conversion_count
    from {{ ref('fct_marketing_spend') }}
    group by spend_month, marketing_channel
),

allocations as (
    select
        cost_month as month,
        marketing_channel,
        count(*) as row_count,
        sum(allocated_amount) as amount
    from {{ ref('fct_cost_allocations') }}
    group by cost_month, marketing_channel
),

-- A credit of six decimals times an amount of fourteen needs twenty; narrower factors keep both engines exact.
attributed_rows as (
    select
        attribution.order_month as month,
        attribution.marketing_channel,
        attribution.attribution_model,
        attribution.credit as order_credit,
        case when attribution.is_first_order then attribution.credit else 0 end as new_customer_credit,
        cast(attribution.credit as decimal(7, 6)) * cast(orders.net_revenue_amount as decimal(28, 14)) as net_revenue_amount
    from {{ ref('fct_attribution') }} as attribution
    inner join {{ ref('fct_orders') }} as orders on orders.order_key = attribution.order_key
    union all
    select
        cast({{ dbt.date_trunc('month', 'refunds.refunded_date') }} as date) as month,
        'unattributed' as marketing_channel,
        models.attribution_model,
        cast(0 as decimal(10, 6)) as order_credit,
        cast(0 as decimal(10, 6)) as new_customer_credit,
        cast(-refunds.refund_amount as decimal(35, 20)) as net_revenue_amount
    from {{ ref('fct_refunds') }} as refunds
    cross join models
    where refunds.is_counted and refunds.order_key is null
),

attributed as (
    select
        month,
        marketing_channel,
        attribution_model,
        count(*) as row_count,
        sum(order_credit) as order_count,
        sum(new_customer_credit) as new_customer_count,
        sum(net_revenue_amount) as net_revenue_amount
    from attributed_rows
    group by month, marketing_channel, attribution_model
),

channel_months as (
    select month, marketing_channel from media
    union distinct
    select month, marketing_channel from allocations
),

keys as (
    select channel_months.month, channel_months.marketing_channel, models.attribution_model
    from channel_months
    cross join models
    union distinct
    select month, marketing_channel, attribution_model from attributed
),

measured as (
    select
        keys.*,
        case when deliveries.has_media then {{ zero_without_rows('media.amount', 'media.row_count') }} end as media_spend_amount,
        case when deliveries.has_costs then
            {{ zero_without_rows('allocations.amount', 'allocations.row_count') }}
        end as allocated_cost_amount,
        case
            when not (deliveries.has_costs and deliveries.has_media) then null
            when coalesce(media.amount, allocations.amount) is not null then
                coalesce(cast(media.amount as decimal(28, 14)), 0) + coalesce(cast(allocations.amount as decimal(28, 14)), 0)
            when coalesce(media.row_count, 0) + coalesce(allocations.row_count, 0) = 0 then 0
        end as fully_loaded_cost_amount,
        coalesce(attributed.order_count, 0) as attributed_order_count,
        case when deliveries.has_spend then
            {{ zero_without_rows('platforms.conversion_count', 'platforms.row_count') }}
        end as platform_conversion_count,
        coalesce(attributed.new_customer_count, 0) as attributed_new_customer_count,
        {{ zero_without_rows('attributed.net_revenue_amount', 'attributed.row_count') }} as attributed_net_revenue_amount,
        coalesce(cast({{ dbt.last_day('keys.month', 'month') }} as date) <= deliveries.as_of, false) as is_final
    from keys
    cross join deliveries
    left join media on media.month = keys.month and media.marketing_channel = keys.marketing_channel
    left join allocations on allocations.month = keys.month and allocations.marketing_channel = keys.marketing_channel
    left join platforms on platforms.month = keys.month and platforms.marketing_channel = keys.marketing_channel
    left join attributed
        on attributed.month = keys.month
        and attributed.marketing_channel = keys.marketing_channel
        and attributed.attribution_model = keys.attribution_model
),

final as (
    select
        cast(month as date) as month,
        cast(marketing_channel as {{ dbt.type_string() }}) as marketing_channel,
        cast(attribution_model as {{ dbt.type_string() }}) as attribution_model,
        {{ published_amount('media_spend_amount') }} as media_spend_amount,
        {{ published_amount('allocated_cost_amount') }} as allocated_cost_amount,
        {{ published_amount('fully_loaded_cost_amount') }} as fully_loaded_cost_amount,
        cast(attributed_new_customer_count as decimal(24, 6)) as attributed_new_customer_count,
        cast(attributed_order_count as decimal(24, 6)) as attributed_order_count,
        cast(platform_conversion_count as decimal(24, 6)) as platform_conversion_count,
        cast(platform_conversion_count - attributed_order_count as decimal(24, 6)) as platform_conversion_gap_count,
        {{ published_amount('attributed_net_revenue_amount') }} as attributed_net_revenue_amount,
        {{ ratio('media_spend_amount', 'attributed_new_customer_count') }} as cost_per_acquisition,
        {{ ratio('fully_loaded_cost_amount', 'attributed_new_customer_count') }}
            as customer_acquisition_cost_fully_loaded,
        {{ ratio('attributed_net_revenue_amount', 'media_spend_amount') }} as return_on_ad_spend,
        cast(is_final as boolean) as is_final,
        {{ mart_columns('mart_acquisition__channel_month') }}
    from measured
)

select * from final
