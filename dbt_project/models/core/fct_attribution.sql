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

-- Numbers only from here to the ranks: sorting four million rows costs what is carried along.
weighed as (
    select
        paths.order_key,
        paths.touch_number,
        paths.touch_count,
        paths.microseconds_before,
        coalesce(
            max(case when paths.marketing_channel <> 'direct' then paths.touch_number end) over (partition by paths.order_key),
            paths.touch_count
        ) as last_non_direct_number,
        min(paths.microseconds_before) over (partition by paths.order_key) as least_microseconds_before,
        cast(coalesce(weights.weight, 0) as double) as markov_weight,
        max(cast(coalesce(weights.weight, 0) as double)) over (partition by paths.order_key) as largest_markov_weight
    from paths
    left join {{ source('attribution_output', 'markov_weights') }} as weights
        on weights.marketing_channel = paths.marketing_channel
),

scaled as (
    select
        order_key,
        touch_number,
        touch_count,
        last_non_direct_number,
        cast(round(1e12 * power(
            cast(2 as double),
            (least_microseconds_before - microseconds_before)
            / cast({{ setting('time_decay_half_life_days') }} * 86400000000 as double)
        )) as bigint) as time_decay_weight,
        case
            when largest_markov_weight > 0 then cast(round(1e12 * (markov_weight / largest_markov_weight)) as bigint)
            else cast(1000000000000 as bigint)
        end as markov_weight
    from weighed
),

totals as (
    select
        *,
        {% for model in weighted_models -%}
        cast(sum({{ model }}_weight) over (partition by order_key) as bigint) as {{ model }}_total{{ ',' if not loop.last }}
        {% endfor %}
    from scaled
),

divided as (
    select
        *,
        {% for model in weighted_models -%}
        mod({{ one }} * {{ model }}_weight, {{ model }}_total) as {{ model }}_remainder{{ ',' if not loop.last }}
        {% endfor %}
    from totals
),

-- a − (a mod b) is a multiple of b, so its quotient is exact in both engines' division.
floored as (
    select
        *,
        {% for model in weighted_models -%}
        cast(round(({{ one }} * {{ model }}_weight - {{ model }}_remainder) / {{ model }}_total) as bigint)
            as {{ model }}_millionths{{ ',' if not loop.last }}
        {% endfor %}
    from divided
),

ranked as (
    select
        order_key,
        touch_number,
        touch_count,
        last_non_direct_number,
        {% for model in weighted_models -%}
        {{ model }}_millionths,
        {{ one }} - cast(sum({{ model }}_millionths) over (partition by order_key) as bigint) as {{ model }}_left,
        row_number() over (
            partition by order_key order by round(1e5 * {{ model }}_remainder / {{ model }}_total) desc, touch_number
        ) as {{ model }}_rank{{ ',' if not loop.last }}
        {% endfor %}
    from floored
),

touched as (
    select
        ranked.order_key,
        paths.touch_key,
        paths.marketing_channel,
        models.attribution_model,
        ranked.touch_number,
        case models.attribution_model
            when 'first_touch' then case when ranked.touch_number = 1 then {{ one }} else 0 end
            when 'last_touch' then case when ranked.touch_number = ranked.touch_count then {{ one }} else 0 end
            when 'last_non_direct_touch' then case when ranked.touch_number = ranked.last_non_direct_number then {{ one }} else 0 end
            when 'linear' then
                cast(round(({{ one }} - mod({{ one }}, ranked.touch_count)) / ranked.touch_count) as bigint)
                + case when ranked.touch_number <= mod({{ one }}, ranked.touch_count) then 1 else 0 end
            when 'position_based' then
                case
                    when ranked.touch_count = 1 then {{ one }}
                    when ranked.touch_count = 2 then 500000
                    when ranked.touch_number in (1, ranked.touch_count) then 400000
                    else
                        cast(round((200000 - mod(200000, ranked.touch_count - 2)) / (ranked.touch_count - 2)) as bigint)
                        + case when ranked.touch_number - 1 <= mod(200000, ranked.touch_count - 2) then 1 else 0 end
                end
            {% for model in weighted_models -%}
            when '{{ model }}' then
                {{ model }}_millionths + case when {{ model }}_rank <= {{ model }}_left then 1 else 0 end
            {% endfor %}
        end as millionths,
        paths.is_first_order,
        paths.ordered_date,
        paths.order_month
    from ranked
    inner join paths on paths.order_key = ranked.order_key and paths.touch_number = ranked.touch_number
    cross join ({{ attribution_model_rows() }}) as models
),

touched_orders as (
    select order_key from paths where touch_number = 1
),

unattributed as (
    select
        orders.order_key,
        cast(null as {{ dbt.type_string() }}) as touch_key,
        'unattributed' as marketing_channel,
        models.attribution_model,
        cast(null as bigint) as touch_number,
        {{ one }} as millionths,
        orders.is_first_order,
        orders.ordered_date,
        orders.order_month
    from {{ ref('fct_orders') }} as orders
    left join touched_orders on touched_orders.order_key = orders.order_key
    cross join ({{ attribution_model_rows() }}) as models
    where orders.is_counted and touched_orders.order_key is null
),

allotted as (
    select * from touched where millionths > 0
    union all
    select * from unattributed
),

final as (
    select
        order_key,
        touch_key,
        marketing_channel,
        attribution_model,
        touch_number,
        cast(millionths * 0.000001 as decimal(10, 6)) as credit,
        is_first_order,
        ordered_date,
        order_month
    from allotted
)

select * from final
