{#
    BG/NBD and Gamma-Gamma scores. Expected purchases depend on frequency and age alone, so the series is summed once per
    pair and quarter, not per customer; whether the customer is alive, and what they spend, is their own.
#}
{% set quarters = 8 %}
{% set horizons = {3: 1, 6: 2, 12: 4, 24: 8} %}

with fits as (
    select
        max(case when model = 'bg_nbd' then r end) as r,
        max(case when model = 'bg_nbd' then alpha end) as alpha,
        max(case when model = 'bg_nbd' then a end) as a,
        max(case when model = 'bg_nbd' then b end) as b,
        max(case when model = 'gamma_gamma' then p end) as p,
        max(case when model = 'gamma_gamma' then q end) as q,
        max(case when model = 'gamma_gamma' then gamma end) as gamma,
        max(case when model = 'bg_nbd' then status end) as purchase_status,
        max(case when model = 'gamma_gamma' then status end) as value_status,
        max(model_version) as model_version,
        max(calibration_end_date) as calibration_end_date,
        min(case when is_published_grade then 1 else 0 end) = 1 as is_published_grade
    from {{ source('clv_output', 'clv_parameters') }}
),

histories as (
    select
        *,
        cast(repeat_purchase_day_count as double) as frequency,
        cast(observed_days as double) / 7e0 as age,
        cast(recency_days as double) / 7e0 as recency,
        -- Four decimals are a whole number of 1e-4, which both engines turn into the same double.
        cast(cast(repeat_value_amount as decimal(18, 4)) as double) as repeat_value
    from {{ ref('fct_customer_purchase_histories') }}
    where calibration = 'current'
),

pairs as (
    select distinct
        frequency,
        age
    from histories
),

quarters as (
    {% for number in range(1, quarters + 1) -%}
    select {{ number }} as quarter_number {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- A quarter is a fourth of 365 days; a NULL parameter, where nothing was fitted, makes everything below null.
steps as (
    select
        pairs.frequency,
        pairs.age,
        quarters.quarter_number,
        cast(quarters.quarter_number as double) * 365e0 / 28e0 as horizon,
        fits.r,
        fits.alpha,
        fits.a,
        fits.b
    from pairs
    cross join quarters
    cross join fits
    where fits.r is not null
),

arguments as (
    select
        *,
        {{ series_arguments() }}
    from steps
),

-- Sums of one length side by side: an engine that works on columns then adds each length once.
summed as (
    select
        *,
        {{ gauss_series() }} as series
    from (select * from arguments order by n_terms) as by_length
),

expected as (
    select
        frequency,
        age,
        quarter_number,
        {{ purchases_if_alive() }} as purchases
    from summed
),

-- One row per pair; max() picks the one value of the quarter, nothing is added in an order of the engine's choice.
pivoted as (
    select
        frequency,
        age,
        {% for number in range(1, quarters + 1) -%}
        max(case when quarter_number = {{ number }} then purchases end) as purchases_{{ number }}{{ ',' if not loop.last }}
        {% endfor %}
    from expected
    group by frequency, age
),

discounted as (
    select
        frequency,
        age,
        {% for months, last in horizons.items() -%}
        purchases_{{ last }} as purchases_{{ months }}m,
        {% for number in range(1, last + 1) -%}
        {{ '+ ' if not loop.first -}}
        (purchases_{{ number }}{{ ' - purchases_' ~ (number - 1) if number > 1 }}) * {{ discount_factor(number) }}
        {% endfor -%}
        as discounted_purchases_{{ months }}m{{ ',' if not loop.last }}
        {% endfor %}
    from pivoted
),

-- Log odds of having left against being alive; nobody without a repeat purchase had a chance to leave.
chances as (
    select
        histories.*,
        fits.r,
        fits.p,
        fits.q,
        fits.gamma,
        case
            when fits.r is null then null
            when histories.frequency = 0e0 then 1e0
            else 1e0 / (1e0 + exp(least(
                ln(fits.a / (fits.b + histories.frequency - 1e0))
                + (fits.r + histories.frequency)
                * {{ log1p('(histories.age - histories.recency) / (fits.alpha + histories.recency)') }},
                700e0
            )))
        end as probability_alive,
        fits.p * (fits.gamma + histories.repeat_value)
        / (fits.p * cast(histories.valued_purchase_day_count as double) + fits.q - 1e0) as expected_purchase_value,
        case
            when fits.r is null then fits.purchase_status
            when fits.p is null then fits.value_status
            else 'predicted'
        end as prediction_status,
        fits.model_version,
        fits.is_published_grade
    from histories
    cross join fits
),

final as (
    select
        chances.customer_key,
        chances.model_version,
        chances.prediction_status,
        chances.probability_alive,
        chances.expected_purchase_value,
        {% for months in horizons -%}
        chances.probability_alive * discounted.purchases_{{ months }}m as expected_purchases_{{ months }}m,
        {% endfor -%}
        {% for months in horizons -%}
        chances.probability_alive * discounted.discounted_purchases_{{ months }}m * chances.expected_purchase_value
        * cast('{{ setting('margin_rate') }}' as double) as customer_lifetime_value_predicted_{{ months }}m,
        {% endfor -%}
        chances.is_published_grade,
        chances.calibration_end_date
    from chances
    left join discounted
        on discounted.frequency = chances.frequency and discounted.age = chances.age
)

select * from final
