{#
    Purchases that BG/NBD expects of a customer who is alive, over columns of a relation; parameters r, a, b, alpha,
    `frequency` and `age` (weeks since the first purchase) and `horizon` (weeks to come).

    The textbook form, (a + b + x − 1) ÷ (a − 1) · (1 − (1 − z)^(r + x) · 2F1(r + x, b + x; a + b + x − 1; z)) with
    z = horizon ÷ (alpha + age + horizon), overflows for frequent buyers and divides 0 by 0 at a = 1. Euler's
    transformation moves x into the denominators, and taking 1 out of the series cancels a − 1:

        (a + b + x − 1) · (1 − (1 − z)^(a−1)) ÷ (a − 1)  −  (1 − z)^(a−1) · s · z · 3F2(s + 1, a, 1; a + b + x, 2; z)

    with s = a + b − 1 − r. What is cut off after n terms is below z^n · g(n) ÷ (1 − z). For s > −1 every factor
    (s + i) ÷ (c + i − 1) is 1 − (r + x) ÷ (c + i − 1), so that g(n) = (c ÷ (c + n))^(r + x) · n^max(a − 2, 0); for
    s < −1, n^(−s − 1) stands for the first. n is chosen to make the bound less than 1e-14: a first n without the falling
    factor, then one that counts on it as far as a quarter of the first. Rounding is the larger part; the tests hold the
    sum within 1e-9 of SciPy's hyp2f1 for every parameter that clv_models.py allows.
#}

{# Columns z, s, c, n_terms and `unit_slope` = −ln(1 − z): first step. #}
{% macro series_arguments() -%}
    {%- set growth = '(greatest(a - 2e0, 0e0) + greatest(r - a - b, 0e0))' -%}
    {%- set decay = '(' ~ log1p('(alpha + age) / horizon') ~ ')' -%}
    {%- set most -%}
    ((32.3e0 + {{ log1p('horizon / (alpha + age)') }} + {{ growth }} * ln(20e0 + (60e0 + 10e0 * {{ growth }}) / {{ decay }}))
            / {{ decay }})
    {%- endset -%}
    horizon / (alpha + age + horizon) as z,
        a + b - 1e0 - r as s,
        a + b + frequency as c,
        {{ log1p('horizon / (alpha + age)') }} as unit_slope,
        cast(ceil(greatest(
            {{ most }} / 4e0,
            {{ most }} - case
                when r > a + b then 0e0
                else (r + frequency) * ln(1e0 + {{ most }} / (4e0 * (a + b + frequency))) / {{ decay }}
            end
        )) as bigint) as n_terms
{%- endmacro %}

{# The expectation over the columns of the first step and `series`, the value of gauss_series(): second step. #}
{% macro purchases_if_alive() -%}
    (
        (c - 1e0) * case
            when a = 1e0 then unit_slope
            else 2e0 * exp((1e0 - a) * unit_slope / 2e0) * sinh((a - 1e0) * unit_slope / 2e0) / (a - 1e0)
        end
        - exp((1e0 - a) * unit_slope) * s * z * series
    )
{%- endmacro %}

{# ln(1 + x) without losing the digits of a small x. #}
{% macro log1p(x) -%}
    case
        when 1e0 + {{ x }} = 1e0 then {{ x }}
        else ln(1e0 + {{ x }}) * ({{ x }}) / ((1e0 + {{ x }}) - 1e0)
    end
{%- endmacro %}
