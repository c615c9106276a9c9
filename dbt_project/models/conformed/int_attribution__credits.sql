{#
    Credits are whole millionths until the last step. Models with rational shares are divided as whole numbers; for
    time_decay and markov each weight is taken relative to the largest of its conversion (so nothing underflows) and
    rounded to a whole number of 1e-12 before anything is added: sums do not depend on row order, and two engines
    whose power() differs in the last bit agree. Remainders are compared to five digits of a millionth, because those
    that are equal on paper (1/3 of one weight, 4/3 of another) must tie.
#}
{% set one = 'cast(1000000 as bigint)' %}
{% set weighted_models = ['time_decay', 'markov'] %}

with paths as (
    select * from {{ ref('int_attribution__paths') }}
),

-- Numbers only from here to the credits, and groups joined back instead of windows: sorting four million rows is what
-- costs, so only the two models whose remainders must be ranked are sorted, once each.
weighed as (
    select
        paths.conversion_number,
        paths.touch_number,
        paths.touch_count,
        paths.microseconds_before,
        case when paths.marketing_channel <> 'direct' then paths.touch_number end as non_direct_number,
        cast(coalesce(weights.weight, 0) as double) as markov_weight
    from paths
    left join {{ source('attribution_output', 'markov_weights') }} as weights
        on weights.marketing_channel = paths.marketing_channel
),

conversions as (
    select
        conversion_number,
        max(non_direct_number) as last_non_direct_number,
        min(microseconds_before) as least_microseconds_before,
        max(markov_weight) as largest_markov_weight
    from weighed
    group by conversion_number
),

scaled as (
    select
        weighed.conversion_number,
        weighed.touch_number,
        weighed.touch_count,
        coalesce(conversions.last_non_direct_number, weighed.touch_count) as last_non_direct_number,
        cast(round(1e12 * power(
            cast(2 as double),
            (conversions.least_microseconds_before - weighed.microseconds_before)
            / cast({{ setting('time_decay_half_life_days') }} * 86400000000 as double)
        )) as bigint) as time_decay_weight,
        case
            when conversions.largest_markov_weight > 0
                then cast(round(1e12 * (weighed.markov_weight / conversions.largest_markov_weight)) as bigint)
            else cast(1000000000000 as bigint)
        end as markov_weight
    from weighed
    inner join conversions on conversions.conversion_number = weighed.conversion_number
),

totals as (
    select
        conversion_number,
        {% for model in weighted_models -%}
        cast(sum({{ model }}_weight) as bigint) as {{ model }}_total{{ ',' if not loop.last }}
        {% endfor %}
    from scaled
    group by conversion_number
),

divided as (
    select
        scaled.*,
        {% for model in weighted_models -%}
        totals.{{ model }}_total,
        mod({{ one }} * scaled.{{ model }}_weight, totals.{{ model }}_total) as {{ model }}_remainder{{ ',' if not loop.last }}
        {% endfor %}
    from scaled
    inner join totals on totals.conversion_number = scaled.conversion_number
),

-- a − (a mod b) is a multiple of b, so its quotient is exact in both engines' division.
floored as (
    select
        conversion_number,
        touch_number,
        touch_count,
        last_non_direct_number,
        {% for model in weighted_models -%}
        cast(round(({{ one }} * {{ model }}_weight - {{ model }}_remainder) / {{ model }}_total) as bigint)
            as {{ model }}_floor,
        round(1e5 * {{ model }}_remainder / {{ model }}_total) as {{ model }}_fraction{{ ',' if not loop.last }}
        {% endfor %}
    from divided
),

ranked as (
    select
        *,
        {% for model in weighted_models -%}
        {% set by_fraction = 'partition by conversion_number order by ' ~ model ~ '_fraction desc, touch_number' -%}
        {{ one }} - cast(sum({{ model }}_floor) over (
            {{ by_fraction }} rows between unbounded preceding and unbounded following
        ) as bigint) as {{ model }}_left,
        row_number() over ({{ by_fraction }}) as {{ model }}_rank{{ ',' if not loop.last }}
        {% endfor %}
    from floored
),

-- One row per conversion and touch, one column per model.
credited as (
    select
        conversion_number,
        touch_number,
        case when touch_number = 1 then {{ one }} else 0 end as first_touch,
        case when touch_number = touch_count then {{ one }} else 0 end as last_touch,
        case when touch_number = last_non_direct_number then {{ one }} else 0 end as last_non_direct_touch,
        cast(round(({{ one }} - mod({{ one }}, touch_count)) / touch_count) as bigint)
        + case when touch_number <= mod({{ one }}, touch_count) then 1 else 0 end as linear,
        case
            when touch_count = 1 then {{ one }}
            when touch_count = 2 then 500000
            when touch_number in (1, touch_count) then 400000
            else
                cast(round((200000 - mod(200000, touch_count - 2)) / (touch_count - 2)) as bigint)
                + case when touch_number - 1 <= mod(200000, touch_count - 2) then 1 else 0 end
        end as position_based,
        {% for model in weighted_models -%}
        {{ model }}_floor + case when {{ model }}_rank <= {{ model }}_left then 1 else 0 end as {{ model }}{{ ',' if not loop.last }}
        {% endfor %}
    from ranked
),

touched as (
    select
        paths.order_key,
        paths.touch_key,
        paths.marketing_channel,
        paths.touch_number,
        {% for model in attribution_models() -%}
        cast(credited.{{ model }} as bigint) as {{ model }},
        {% endfor -%}
        paths.is_first_order,
        paths.ordered_date,
        paths.order_month
    from credited
    inner join paths
        on paths.conversion_number = credited.conversion_number and paths.touch_number = credited.touch_number
),

touched_orders as (
    select order_key from paths where touch_number = 1
),

unattributed as (
    select
        orders.order_key,
        cast(null as {{ dbt.type_string() }}) as touch_key,
        'unattributed' as marketing_channel,
        cast(null as bigint) as touch_number,
        {% for model in attribution_models() -%}
        {{ one }} as {{ model }},
        {% endfor -%}
        orders.is_first_order,
        orders.ordered_date,
        orders.order_month
    from {{ ref('fct_orders') }} as orders
    left join touched_orders on touched_orders.order_key = orders.order_key
    where orders.is_counted and touched_orders.order_key is null
),

final as (
    select * from touched
    union all
    select * from unattributed
)

select * from final
