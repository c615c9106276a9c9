-- Allocation moves costs between channels and loses nothing: exactly in core, but for each row's rounding in the mart.
with ledger as (
    select
        cost_month as month,
        category,
        sum(cost_amount) as amount
    from {{ ref('fct_costs') }}
    where category in ('{{ allocated_cost_categories() | join("', '") }}')
    group by cost_month, category
),

allocations as (
    select
        cost_month as month,
        category,
        sum(allocated_amount) as amount
    from {{ ref('fct_cost_allocations') }}
    group by cost_month, category
),

categories as (
    select
        coalesce(ledger.month, allocations.month) as month,
        coalesce(ledger.category, allocations.category) as compared,
        coalesce(cast(ledger.amount as decimal(28, 14)), 0) as ledger_amount,
        coalesce(cast(allocations.amount as decimal(28, 14)), 0) as allocated_amount,
        0 as tolerance
    from ledger
    full outer join allocations on allocations.month = ledger.month and allocations.category = ledger.category
),

months as (
    select
        month,
        sum(amount) as amount
    from ledger
    group by month
),

published as (
    select
        month,
        attribution_model,
        count(*) as row_count,
        sum(allocated_cost_amount) as amount
    from {{ ref('mart_acquisition__channel_month') }}
    group by month, attribution_model
),

models as (
    select
        coalesce(months.month, published.month) as month,
        published.attribution_model as compared,
        coalesce(cast(months.amount as decimal(28, 14)), 0) as ledger_amount,
        coalesce(cast(published.amount as decimal(28, 14)), 0) as allocated_amount,
        coalesce(published.row_count, 0) * 0.00005 as tolerance
    from months
    full outer join published on published.month = months.month
),

compared as (
    select * from categories
    union all
    select * from models
),

final as (
    select *
    from compared
    where abs(ledger_amount - allocated_amount) > tolerance
)

select * from final
