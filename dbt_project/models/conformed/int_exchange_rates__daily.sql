{{ config(materialized='view') }}

-- One rate per day and currency. Two sources may both deliver one: the first source by name decides, so that the
-- choice never depends on arrival. A rate that is not positive is no rate. The reporting currency needs none.
with ranked as (
    select
        rate_date,
        currency_code,
        cast(rate_to_reporting as decimal(18, 10)) as exchange_rate,
        row_number() over (
            partition by rate_date, currency_code
            order by source_system, id_namespace, rate_to_reporting desc
        ) as rate_rank
    from {{ ref('int_exchange_rates__unioned') }}
    where rate_to_reporting > 0
        and currency_code <> {{ setting_text('reporting_currency') }}
),

final as (
    select
        rate_date,
        currency_code,
        exchange_rate
    from ranked
    where rate_rank = 1
)

select * from final
