-- The media spend rule of the house, once: the spend extract where it speaks, the ledger where it does not.
with extract as (
    select
        spend_month as cost_month,
        marketing_channel,
        count(*) as extract_row_count,
        sum(spend_amount) as extract_amount,
        cast(0 as bigint) as ledger_row_count,
        cast(null as decimal(38, 14)) as ledger_amount
    from {{ ref('fct_marketing_spend') }}
    group by spend_month, marketing_channel
),

ledger as (
    select
        cost_month,
        coalesce(marketing_channel, 'unattributed') as marketing_channel,
        cast(0 as bigint) as extract_row_count,
        cast(null as decimal(38, 14)) as extract_amount,
        count(*) as ledger_row_count,
        sum(cost_amount) as ledger_amount
    from {{ ref('fct_costs') }}
    where category = 'media'
    group by cost_month, coalesce(marketing_channel, 'unattributed')
),

sides as (
    select * from extract
    union all
    select * from ledger
),

-- At most one row of each side, so max() only brings them together.
channel_months as (
    select
        cost_month,
        marketing_channel,
        max(extract_row_count) as extract_row_count,
        cast(max(extract_amount) as decimal(28, 14)) as extract_amount,
        max(ledger_row_count) as ledger_row_count,
        cast(max(ledger_amount) as decimal(28, 14)) as ledger_amount
    from sides
    group by cost_month, marketing_channel
),

final as (
    select
        marketing_channel,
        case when extract_row_count > 0 then 'extract' else 'ledger' end as media_spend_basis,
        cast(case when extract_row_count > 0 then extract_amount else ledger_amount end as decimal(38, 14)) as media_spend_amount,
        cast(ledger_amount as decimal(38, 14)) as media_ledger_amount,
        cast(
            case when extract_row_count > 0 and ledger_row_count > 0 then ledger_amount - extract_amount end as decimal(38, 14)
        ) as media_ledger_difference_amount,
        extract_row_count > 0 and ledger_row_count > 0 as is_in_both,
        cost_month
    from channel_months
)

select * from final
