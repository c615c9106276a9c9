{#
    Lifecycle stage of a customer at the end of `as_of` (metrics.md, Value); the first stage that fits.

    `last_ordered_date` and `previous_ordered_date` are the last two distinct days with a counted order. "Within W"
    is half-open like every window: an order W days ago is outside, which is the day called lapsed_date.
#}
{% macro lifecycle_stage(counted_order_count, last_ordered_date, previous_ordered_date, as_of) -%}
    {%- set window_days = setting('active_window_days') -%}
    {%- set days_since = dbt.datediff(last_ordered_date, as_of, 'day') -%}
    case
        when coalesce({{ counted_order_count }}, 0) = 0 then 'prospect'
        when {{ as_of }} is null then null
        when {{ counted_order_count }} = 1 and {{ days_since }} <= 90 then 'new'
        when {{ dbt.datediff(previous_ordered_date, last_ordered_date, 'day') }} > {{ window_days }}
            and {{ days_since }} < {{ window_days }} then 'reactivated'
        when {{ days_since }} < {{ window_days }} then 'active'
        when 2 * {{ days_since }} <= 3 * {{ window_days }} then 'lapsing'
        else 'lapsed'
    end
{%- endmacro %}
