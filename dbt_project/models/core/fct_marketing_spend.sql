-- Media spend per campaign and day at the day's rate, with what the platform says it bought.
with spend as (
    select
        spend.*,
        {{ exchange_rate('spend.currency_code', 'rates.exchange_rate') }} as exchange_rate
    from {{ ref('int_spend__unioned') }} as spend
    left join {{ ref('int_exchange_rates__daily') }} as rates
        on rates.rate_date = spend.spend_date
        and rates.currency_code = spend.currency_code
),

final as (
    select
        {{ surrogate_key(['id_namespace', 'platform', 'campaign_id', 'spend_date']) }} as spend_key,
        source_system,
        platform,
        campaign_id,
        marketing_channel,
        currency_code,
        exchange_rate,
        impressions as impression_count,
        clicks as click_count,
        platform_conversions as platform_conversion_count,
        {{ to_reporting('spend_amount', 'exchange_rate') }} as spend_amount,
        spend_amount as spend_amount_local,
        exchange_rate is null as is_rate_missing,
        spend_date,
        cast({{ dbt.date_trunc('month', 'spend_date') }} as date) as spend_month
    from spend
)

select * from final
