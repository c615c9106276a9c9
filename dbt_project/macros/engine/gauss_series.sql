{#
    1 + Σ z^n · Π_{i≤n} (s + i)(a + i − 1) ÷ ((c + i − 1)(i + 1)), cut after `n_terms` terms and added from the small end:
    the hypergeometric function 3F2(s + 1, a, 1; c, 2; z) by its series. z, s, a, c and n_terms are columns.

    DuckDB folds a list at half a microsecond per term, so short sums are written out and the rest fold; longer expressions
    would take longer to plan than to sum. Its list_reduce (1.5.5) drops elements when an initial value meets lists of
    unequal length: the 1 stands in the list. The number of terms, and with it the error, is the caller's
    (macros/expected_purchases.sql).
#}
{% macro gauss_series() -%}
    {{ adapter.dispatch('gauss_series', 'cx_warehouse')() }}
{%- endmacro %}

{% macro default__gauss_series() -%}
    case
        {% for terms in (16, 32, 64) -%}
        when n_terms <= {{ terms }} then {{ gauss_series_written_out(terms) }}
        {% endfor -%}
        else list_reduce(
            list_prepend(1e0, cast(generate_series(n_terms, 1, -1) as double[])),
            lambda tail, n: 1e0 + z * ((s + n) * (a + (n - 1e0))) / ((c + (n - 1e0)) * (n + 1e0)) * tail
        )
    end
{%- endmacro %}

{% macro spark__gauss_series() -%}
    aggregate(
        sequence(cast(n_terms as int), 1, -1),
        1e0,
        (tail, n) -> 1e0 + z * ((s + n) * (a + (n - 1e0))) / ((c + (n - 1e0)) * (n + 1e0)) * tail
    )
{%- endmacro %}

{% macro gauss_series_written_out(terms) -%}
    {%- for n in range(1, terms + 1) -%}
    1e0 + z * ((s + {{ n }}e0) * (a + {{ n - 1 }}e0)) / ((c + {{ n - 1 }}e0) * {{ n + 1 }}e0) * (
    {%- endfor -%} 1e0 {%- for n in range(terms) -%} ) {%- endfor -%}
{%- endmacro %}
