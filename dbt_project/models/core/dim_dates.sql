-- Every day from the first event to the last one, or to the last complete day when that is later.
with events as (
    select ordered_date as event_date from {{ ref('fct_orders') }}
    union all
    select refunded_date as event_date from {{ ref('fct_refunds') }}
    union all
    select created_date as event_date from {{ ref('fct_leads') }}
    union all
    select created_date as event_date from {{ ref('fct_opportunities') }}
    union all
    select closed_date as event_date from {{ ref('fct_opportunities') }}
    union all
    select started_date as event_date from {{ ref('fct_interactions') }}
    union all
    select opened_date as event_date from {{ ref('fct_cases') }}
    union all
    select started_date as event_date from {{ ref('fct_sessions') }}
    union all
    select sent_date as event_date from {{ ref('fct_survey_responses') }}
    union all
    select responded_date as event_date from {{ ref('fct_survey_responses') }}
    union all
    select spend_date as event_date from {{ ref('fct_marketing_spend') }}
    union all
    select cost_date as event_date from {{ ref('fct_costs') }}
    union all
    select as_of_date as event_date from {{ source('meta_input', 'mart_as_of') }}
),

bounds as (
    select
        min(event_date) as first_day,
        max(event_date) as last_day
    from events
),

days as (
    {{ date_series('bounds') }}
),

final as (
    select
        date_day,
        cast({{ dbt.date_trunc('week', 'date_day') }} as date) as date_week_start,
        cast({{ dbt.date_trunc('month', 'date_day') }} as date) as date_month,
        cast({{ dbt.date_trunc('quarter', 'date_day') }} as date) as date_quarter,
        cast({{ dbt.date_trunc('year', 'date_day') }} as date) as date_year,
        cast({{ dbt.last_day('date_day', 'month') }} as date) = date_day as is_month_end
    from days
)

select * from final
