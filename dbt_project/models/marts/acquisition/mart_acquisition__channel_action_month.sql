{#
    A column that never arrived leaves its action type unknown, and shows in the rows: no lead carries a time although
    some are said to be qualified, no opportunity has a creation time, no touchpoint a kind.
#}
with deliveries as (
    select
        {{ is_delivered('spend') }} as has_spend,
        {{ is_delivered('spend') }} or (select count(*) > 0 from {{ ref('fct_costs') }} where category = 'media') as has_media,
        {{ as_of('mart_acquisition__channel_action_month') }} as as_of
),

leads as (
    select * from {{ ref('fct_leads') }}
),

opportunities as (
    select * from {{ ref('fct_opportunities') }}
),

touchpoints as (
    select * from {{ ref('fct_touches') }} where source_table = 'touchpoints'
),

action_types as (
    select 'click' as action_type, (select count(*) = 0 or count(kind) > 0 from touchpoints) as is_known
    union all
    select 'session' as action_type, true as is_known
    union all
    select 'lead' as action_type, true as is_known
    union all
    select
        'qualified_lead' as action_type,
        (
            select count(qualified_at) > 0 or count(case when lead_status in ('qualified', 'converted') then 1 end) = 0
            from leads
        ) as is_known
    union all
    select
        'opportunity' as action_type,
        (select count(*) = 0 or count(created_at) > 0 from opportunities) as is_known
    union all
    select 'order' as action_type, true as is_known
),

actions as (
    select
        occurred_date as action_date,
        marketing_channel,
        'click' as action_type,
        cast(1 as decimal(10, 6)) as quantity
    from touchpoints
    where kind = 'click'
    union all
    select
        started_date as action_date,
        marketing_channel,
        'session' as action_type,
        cast(1 as decimal(10, 6)) as quantity
    from {{ ref('fct_sessions') }}
    union all
    select
        created_date as action_date,
        marketing_channel,
        'lead' as action_type,
        cast(1 as decimal(10, 6)) as quantity
    from leads
    union all
    select
        qualified_date as action_date,
        marketing_channel,
        'qualified_lead' as action_type,
        cast(1 as decimal(10, 6)) as quantity
    from leads
    where qualified_at is not null
    union all
    select
        opportunities.created_date as action_date,
        coalesce(leads.marketing_channel, 'unattributed') as marketing_channel,
        'opportunity' as action_type,
        cast(1 as decimal(10, 6)) as quantity
    from opportunities
    left join leads on leads.lead_key = opportunities.lead_key
    where opportunities.created_at is not null
    union all
    select
        ordered_date as action_date,
        marketing_channel,
        'order' as action_type,
        credit as quantity
    from {{ ref('fct_attribution') }}
    where attribution_model = {{ setting_text('acquisition_model') }}
),

counted_actions as (
    select
        cast({{ dbt.date_trunc('month', 'action_date') }} as date) as month,
        marketing_channel,
        action_type,
        sum(quantity) as action_count
    from actions
    group by cast({{ dbt.date_trunc('month', 'action_date') }} as date), marketing_channel, action_type
),

platforms as (
    select
        spend_month as month,
        marketing_channel,
        count(*) as row_count,
        sum(click_count) as click_count,
        sum(platform_conversion_count) as conversion_count
    from {{ ref('fct_marketing_spend') }}
    group by spend_month, marketing_channel
),

media as (
    select
        cost_month as month,
        marketing_channel,
        1 as row_count,
        media_spend_amount as amount
    from {{ ref('fct_media_spend') }}
),

keys as (
    select media.month, media.marketing_channel, action_types.action_type
    from media
    cross join action_types
    union distinct
    select month, marketing_channel, action_type from counted_actions
),

measured as (
    select
        keys.*,
        case when action_types.is_known then coalesce(counted_actions.action_count, 0) end as action_count,
        case
            when not deliveries.has_spend then null
            when keys.action_type = 'click' then {{ zero_without_rows('platforms.click_count', 'platforms.row_count') }}
            when keys.action_type = 'order' then {{ zero_without_rows('platforms.conversion_count', 'platforms.row_count') }}
        end as platform_reported_action_count,
        case when deliveries.has_media then {{ zero_without_rows('media.amount', 'media.row_count') }} end as media_spend_amount,
        coalesce(cast({{ dbt.last_day('keys.month', 'month') }} as date) <= deliveries.as_of, false) as is_final
    from keys
    cross join deliveries
    inner join action_types on action_types.action_type = keys.action_type
    left join counted_actions
        on counted_actions.month = keys.month
        and counted_actions.marketing_channel = keys.marketing_channel
        and counted_actions.action_type = keys.action_type
    left join platforms on platforms.month = keys.month and platforms.marketing_channel = keys.marketing_channel
    left join media on media.month = keys.month and media.marketing_channel = keys.marketing_channel
),

final as (
    select
        cast(month as date) as month,
        cast(marketing_channel as {{ dbt.type_string() }}) as marketing_channel,
        cast(action_type as {{ dbt.type_string() }}) as action_type,
        cast(action_count as decimal(24, 6)) as action_count,
        cast(platform_reported_action_count as decimal(24, 6)) as platform_reported_action_count,
        cast(platform_reported_action_count - action_count as decimal(24, 6)) as platform_reported_gap_count,
        {{ published_amount('media_spend_amount') }} as media_spend_amount,
        {{ ratio('media_spend_amount', 'action_count') }} as cost_per_action,
        {{ ratio('media_spend_amount', 'platform_reported_action_count') }} as cost_per_action_platform_reported,
        cast(is_final as boolean) as is_final,
        {{ mart_columns('mart_acquisition__channel_action_month') }}
    from measured
)

select * from final
