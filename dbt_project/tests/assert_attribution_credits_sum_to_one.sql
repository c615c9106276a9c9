-- Under every model a counted order gives away exactly itself, and no other order gives anything.
with credits as (
    select
        order_key,
        {% for model in attribution_models() -%}
        sum(case when attribution_model = '{{ model }}' then credit else 0 end) as {{ model }}_credit{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('fct_attribution') }}
    group by order_key
),

counted as (
    select order_key as counted_order_key
    from {{ ref('fct_orders') }}
    where is_counted
),

final as (
    select *
    from counted
    full outer join credits on credits.order_key = counted.counted_order_key
    where
        counted.counted_order_key is null
        or credits.order_key is null
        {%- for model in attribution_models() %}
        or credits.{{ model }}_credit <> 1
        {%- endfor %}
)

select * from final
