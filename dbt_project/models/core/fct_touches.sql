with sessions as (
    select
        source_system,
        id_namespace,
        'sessions' as source_table,
        session_id as touch_id,
        customer_key,
        marketing_channel,
        'session' as kind,
        started_at as occurred_at,
        true as is_attributable
    from {{ ref('int_sessions__resolved') }}
),

touchpoints as (
    select
        source_system,
        id_namespace,
        'touchpoints' as source_table,
        touchpoint_id as touch_id,
        customer_key,
        marketing_channel,
        kind,
        occurred_at,
        -- A delivery without the column `kind` says nothing against its touchpoints.
        coalesce(kind in {{ setting_list('attribution_touch_kinds') }}, true) as is_attributable
    from {{ ref('int_touchpoints__resolved') }}
),

-- The utm mark of a counted order: the one touch of that order when its window holds no other, and of no other order.
order_marks as (
    select
        source_system,
        id_namespace,
        'orders' as source_table,
        order_id as touch_id,
        customer_key,
        utm_marketing_channel as marketing_channel,
        'order_mark' as kind,
        ordered_at as occurred_at,
        false as is_attributable,
        order_key
    from {{ ref('fct_orders') }}
    where is_counted and utm_marketing_channel is not null
),

touches as (
    select *, cast(null as {{ dbt.type_string() }}) as order_key from sessions
    union all
    select *, cast(null as {{ dbt.type_string() }}) as order_key from touchpoints
    union all
    select * from order_marks
),

final as (
    select
        {{ surrogate_key(['id_namespace', 'source_table', 'touch_id']) }} as touch_key,
        customer_key,
        order_key,
        source_system,
        source_table,
        touch_id,
        marketing_channel,
        kind,
        is_attributable,
        {{ business_date('occurred_at') }} as occurred_date,
        occurred_at
    from touches
)

select * from final
