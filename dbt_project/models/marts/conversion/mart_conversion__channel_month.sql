with leads as (
    select * from {{ ref('fct_leads') }}
),

-- Leads are said to be qualified and none says when: the column never arrived.
observed as (
    select
        count(qualified_at) > 0 or count(case when lead_status in ('qualified', 'converted') then 1 end) = 0 as has_qualified_at,
        {{ as_of('mart_conversion__channel_month') }} as as_of
    from leads
),

opportunities as (
    select
        lead_key,
        count(case when is_won then 1 end) as won_opportunity_count,
        sum(case when is_won then won_amount end) as won_amount
    from {{ ref('fct_opportunities') }}
    where lead_key is not null
    group by lead_key
),

cohorts as (
    select
        leads.lead_month as month,
        leads.marketing_channel,
        count(*) as lead_count,
        count(case when leads.is_existing_customer then 1 end) as existing_customer_lead_count,
        count(leads.qualified_at) as qualified_lead_count,
        count(opportunities.lead_key) as opportunity_count,
        count(case when opportunities.won_opportunity_count > 0 then 1 end) as won_lead_count,
        sum(opportunities.won_opportunity_count) as won_opportunity_count,
        sum(opportunities.won_amount) as won_amount,
        count(leads.conversion_at) as converted_lead_count,
        count(case when leads.days_to_convert < 30 then 1 end) as converted_lead_count_30d,
        count(case when leads.days_to_convert < 90 then 1 end) as converted_lead_count_90d,
        percentile_cont(0.5) within group (order by cast(leads.days_to_convert as double)) as median_days_to_convert,
        max(leads.created_date) as last_created_date
    from leads
    left join opportunities on opportunities.lead_key = leads.lead_key
    group by leads.lead_month, leads.marketing_channel
),

conversions as (
    select
        cast({{ dbt.date_trunc('month', 'conversion_date') }} as date) as month,
        marketing_channel,
        count(*) as converting_lead_count
    from leads
    where conversion_at is not null
    group by cast({{ dbt.date_trunc('month', 'conversion_date') }} as date), marketing_channel
),

sessions as (
    select
        cast({{ dbt.date_trunc('month', 'started_date') }} as date) as month,
        marketing_channel,
        count(*) as session_count,
        count(case when is_outcome_known then 1 end) as known_session_count,
        count(case when has_order then 1 end) as session_with_order_count
    from {{ ref('fct_sessions') }}
    group by cast({{ dbt.date_trunc('month', 'started_date') }} as date), marketing_channel
),

keys as (
    select month, marketing_channel from cohorts
    union distinct
    select month, marketing_channel from conversions
    union distinct
    select month, marketing_channel from sessions
),

measured as (
    select
        keys.*,
        {% for count in [
            'lead_count', 'existing_customer_lead_count', 'opportunity_count', 'won_lead_count', 'converted_lead_count',
            'converted_lead_count_30d', 'converted_lead_count_90d',
        ] -%}
        coalesce(cohorts.{{ count }}, 0) as {{ count }},
        {% endfor -%}
        case
            when cohorts.lead_count is null then 0
            when observed.has_qualified_at then cohorts.qualified_lead_count
        end as qualified_lead_count,
        {{ zero_without_rows('cohorts.won_amount', 'cohorts.won_opportunity_count') }} as won_amount,
        coalesce(conversions.converting_lead_count, 0) as converting_lead_count,
        cohorts.median_days_to_convert,
        coalesce(sessions.session_count, 0) as session_count,
        case
            when sessions.session_count is null then 0
            when sessions.known_session_count > 0 then sessions.session_with_order_count
        end as session_with_order_count,
        cast({{ dbt.last_day('keys.month', 'month') }} as date) <= observed.as_of as is_month_complete,
        {{ dbt.datediff('cohorts.last_created_date', 'observed.as_of', 'day') }} as days_observed
    from keys
    cross join observed
    left join cohorts on cohorts.month = keys.month and cohorts.marketing_channel = keys.marketing_channel
    left join conversions on conversions.month = keys.month and conversions.marketing_channel = keys.marketing_channel
    left join sessions on sessions.month = keys.month and sessions.marketing_channel = keys.marketing_channel
),

final as (
    select
        cast(month as date) as month,
        cast(marketing_channel as {{ dbt.type_string() }}) as marketing_channel,
        cast(lead_count as bigint) as lead_count,
        cast(existing_customer_lead_count as bigint) as existing_customer_lead_count,
        cast(qualified_lead_count as bigint) as qualified_lead_count,
        cast(opportunity_count as bigint) as opportunity_count,
        cast(won_lead_count as bigint) as won_lead_count,
        cast(converted_lead_count as bigint) as converted_lead_count,
        cast(converted_lead_count_30d as bigint) as converted_lead_count_30d,
        cast(converted_lead_count_90d as bigint) as converted_lead_count_90d,
        cast(converting_lead_count as bigint) as converting_lead_count,
        cast(session_count as bigint) as session_count,
        cast(session_with_order_count as bigint) as session_with_order_count,
        {{ published_amount('won_amount') }} as won_amount,
        {{ ratio('converted_lead_count_30d', 'lead_count') }} as conversion_rate_cohort_30d,
        {{ ratio('converted_lead_count_90d', 'lead_count') }} as conversion_rate_cohort_90d,
        {{ ratio('converting_lead_count', 'lead_count') }} as conversion_rate_period,
        cast(median_days_to_convert as double) as median_days_to_convert,
        {{ ratio('session_with_order_count', 'session_count') }} as session_conversion_rate,
        cast(coalesce(is_month_complete and coalesce(days_observed >= 89, true), false) as boolean) as is_final,
        cast(coalesce(is_month_complete and coalesce(days_observed >= 29, true), false) as boolean) as is_final_30d,
        cast(coalesce(is_month_complete and coalesce(days_observed >= 89, true), false) as boolean) as is_final_90d,
        {{ mart_columns('mart_conversion__channel_month') }}
    from measured
)

select * from final
