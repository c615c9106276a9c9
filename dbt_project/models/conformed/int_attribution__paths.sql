-- Every conversion gets a number of its own: steps over millions of touches cost half as much as with a hash as key.
with conversions as (
    select
        row_number() over (order by order_key) as conversion_number,
        order_key,
        customer_key,
        is_first_order,
        ordered_date,
        order_month,
        {{ epoch_microseconds('ordered_at') }} as ordered_us
    from {{ ref('fct_orders') }}
    where is_counted
),

touches as (
    select
        touch_key,
        customer_key,
        order_key,
        source_table,
        touch_id,
        marketing_channel,
        is_attributable,
        {{ epoch_microseconds('occurred_at') }} as occurred_us
    from {{ ref('fct_touches') }}
),

in_window as (
    select
        conversions.conversion_number,
        conversions.order_key,
        conversions.is_first_order,
        conversions.ordered_date,
        conversions.order_month,
        touches.touch_key,
        touches.source_table,
        touches.touch_id,
        touches.marketing_channel,
        0 as is_mark,
        conversions.ordered_us - touches.occurred_us as microseconds_before
    from conversions
    inner join touches
        on touches.customer_key = conversions.customer_key
        and touches.occurred_us between conversions.ordered_us - {{ attribution_window_microseconds() }} and conversions.ordered_us
    where touches.is_attributable
),

marks as (
    select
        conversions.conversion_number,
        conversions.order_key,
        conversions.is_first_order,
        conversions.ordered_date,
        conversions.order_month,
        touches.touch_key,
        touches.source_table,
        touches.touch_id,
        touches.marketing_channel,
        1 as is_mark,
        cast(0 as bigint) as microseconds_before
    from conversions
    inner join touches on touches.order_key = conversions.order_key
),

candidates as (
    select * from in_window
    union all
    select * from marks
),

-- Marks sort last, so that dropping one never leaves a hole in the numbers. The sum needs no order; with that of the
-- number it shares its sort.
{% set in_order = 'partition by conversion_number order by is_mark, microseconds_before desc, source_table, touch_id, touch_key' -%}
numbered as (
    select
        *,
        row_number() over ({{ in_order }}) as touch_number,
        sum(1 - is_mark) over (
            {{ in_order }} rows between unbounded preceding and unbounded following
        ) as window_touch_count
    from candidates
),

final as (
    select
        order_key,
        touch_key,
        marketing_channel,
        cast(conversion_number as bigint) as conversion_number,
        cast(touch_number as bigint) as touch_number,
        cast(greatest(window_touch_count, 1) as bigint) as touch_count,
        cast(microseconds_before as bigint) as microseconds_before,
        is_first_order,
        ordered_date,
        order_month
    from numbered
    where is_mark = 0 or window_touch_count = 0
)

select * from final
