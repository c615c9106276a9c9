{#
    One row per month and figure out of a relation with one row per month: `kpis` is a list of
    {id, variant, unit, numerator, denominator, value, is_final}, the last four as expressions over the relation.
    Without `value` it is numerator ÷ denominator, or the numerator itself when there is no denominator. One scan of
    the relation whatever the number of figures.
#}
{% macro kpi_rows(relation, kpis) -%}
    select
        months.month,
        kpis.kpi_id,
        kpis.variant,
        kpis.unit,
        case kpis.position
            {% for kpi in kpis -%}
            when {{ loop.index }} then cast({{ kpi.numerator or 'null' }} as decimal(28, 6))
            {% endfor -%}
        end as numerator,
        case kpis.position
            {% for kpi in kpis -%}
            when {{ loop.index }} then cast({{ kpi.denominator or 'null' }} as decimal(28, 6))
            {% endfor -%}
        end as denominator,
        case kpis.position
            {% for kpi in kpis -%}
            when {{ loop.index }} then
                {% if kpi.value -%}
                cast({{ kpi.value }} as double)
                {% elif kpi.denominator -%}
                {{ ratio(kpi.numerator, kpi.denominator) }}
                {% else -%}
                {{ digits_as_double(kpi.numerator) }}
                {% endif -%}
            {% endfor -%}
        end as value,
        case kpis.position
            {% for kpi in kpis -%}
            when {{ loop.index }} then {{ kpi.is_final }}
            {% endfor -%}
        end as is_final
    from {{ relation }} as months
    cross join (
        {% for kpi in kpis -%}
        select
            {{ loop.index }} as position,
            '{{ kpi.id }}' as kpi_id,
            '{{ kpi.variant or '' }}' as variant,
            '{{ kpi.unit }}' as unit
        {{ 'union all' if not loop.last }}
        {% endfor -%}
    ) as kpis
{%- endmacro %}
