{# The rate of a row: 1 for the reporting currency, else what int_exchange_rates__daily says of its day, else null. #}
{% macro exchange_rate(currency_code, daily_rate) -%}
    case
        when {{ currency_code }} = {{ setting_text('reporting_currency') }} then cast(1 as decimal(18, 10))
        else {{ daily_rate }}
    end
{%- endmacro %}
