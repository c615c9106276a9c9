-- Every path of channels as one row: those of counted orders, and those of people with touches and no counted order.
with touches as (
    select
        order_key as path_key,
        'order' as outcome,
        order_key,
        marketing_channel,
        touch_number,
        is_first_order,
        order_month as path_month
    from {{ ref('int_attribution__paths') }}
    union all
    select
        customer_key as path_key,
        'none' as outcome,
        cast(null as {{ dbt.type_string() }}) as order_key,
        marketing_channel,
        touch_number,
        false as is_first_order,
        touched_month as path_month
    from {{ ref('int_attribution__null_paths') }}
),

paths as (
    select
        path_key,
        outcome,
        order_key,
        {{ ordered_list('marketing_channel', ' > ', 'touch_number') }} as channel_path,
        count(*) as touch_count,
        is_first_order,
        path_month
    from touches
    group by path_key, outcome, order_key, is_first_order, path_month
),

untouched as (
    select
        orders.order_key as path_key,
        'order' as outcome,
        orders.order_key,
        'unattributed' as channel_path,
        cast(0 as bigint) as touch_count,
        orders.is_first_order,
        orders.order_month as path_month
    from {{ ref('fct_orders') }} as orders
    left join paths on paths.order_key = orders.order_key
    where orders.is_counted and paths.order_key is null
),

final as (
    select
        path_key,
        order_key,
        outcome,
        channel_path,
        cast(touch_count as bigint) as touch_count,
        is_first_order,
        path_month
    from paths
    union all
    select
        path_key,
        order_key,
        outcome,
        channel_path,
        touch_count,
        is_first_order,
        path_month
    from untouched
)

select * from final
