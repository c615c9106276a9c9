with paths as (
    select
        paths.path_month as month,
        paths.channel_path,
        paths.touch_count,
        case when paths.outcome = 'order' then 1 else 0 end as order_count,
        case when paths.is_first_order then 1 else 0 end as new_customer_count,
        case when paths.outcome = 'none' then 1 else 0 end as path_without_order_count,
        orders.net_revenue_amount
    from {{ ref('fct_attribution_paths') }} as paths
    left join {{ ref('fct_orders') }} as orders on orders.order_key = paths.order_key
),

counted as (
    select
        month,
        channel_path,
        max(touch_count) as touch_count,
        sum(order_count) as order_count,
        sum(new_customer_count) as new_customer_count,
        sum(path_without_order_count) as path_without_order_count,
        sum(net_revenue_amount) as net_revenue_amount
    from paths
    group by month, channel_path
),

observed as (
    select
        *,
        {{ as_of('mart_attribution__path_month') }} as as_of
    from counted
),

final as (
    select
        cast(month as date) as month,
        cast(channel_path as {{ dbt.type_string() }}) as channel_path,
        cast(touch_count as bigint) as touch_count,
        cast(order_count as bigint) as order_count,
        cast(new_customer_count as bigint) as new_customer_count,
        cast(path_without_order_count as bigint) as path_without_order_count,
        {{ published_amount(zero_without_rows('net_revenue_amount', 'order_count')) }} as net_revenue_amount,
        {{ ratio('new_customer_count', 'new_customer_count + path_without_order_count') }} as path_conversion_rate,
        cast(coalesce(cast({{ dbt.last_day('month', 'month') }} as date) <= as_of, false) as boolean) as is_final,
        {{ mart_columns('mart_attribution__path_month') }}
    from observed
)

select * from final
