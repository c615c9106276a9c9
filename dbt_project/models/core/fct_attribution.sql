{{ config(materialized='view') }}

-- One row per conversion, touch and model out of the columns of int_attribution__credits. A view: whoever reads one model
-- reads one column, and twenty million rows are not written twice in a cycle.
with credits as (
    select * from {{ ref('int_attribution__credits') }}
),

unpivoted as (
    select
        credits.order_key,
        credits.touch_key,
        credits.marketing_channel,
        models.attribution_model,
        credits.touch_number,
        case models.attribution_model
            {% for model in attribution_models() -%}
            when '{{ model }}' then credits.{{ model }}
            {% endfor %}
        end as millionths,
        credits.is_first_order,
        credits.ordered_date,
        credits.order_month
    from credits
    cross join ({{ attribution_model_rows() }}) as models
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
    from unpivoted
    where millionths > 0
)

select * from final
