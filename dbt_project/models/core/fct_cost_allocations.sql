{#
    Amounts that are added or subtracted are 28 digits wide: of two with 38, Spark would drop the last decimal.
    The unassigned costs of a month are one pool. Categories are laid end to end in it: what a channel bears of a
    category is its part of the pool up to and including the category, less its part before it. So both sums are
    exact: over channels the ledger of the category, over categories the channel's part of the month's pool.
#}
with costs as (
    select
        cost_month,
        category,
        marketing_channel,
        cost_amount
    from {{ ref('fct_costs') }}
    where category in ('{{ allocated_cost_categories() | join("', '") }}')
),

direct as (
    select
        cost_month,
        category,
        marketing_channel,
        cast(sum(cost_amount) as decimal(28, 14)) as amount
    from costs
    where marketing_channel is not null
    group by cost_month, category, marketing_channel
),

pools as (
    select
        cost_month,
        category,
        sum(cost_amount) as category_amount
    from costs
    where marketing_channel is null
    group by cost_month, category
),

pools_to_date as (
    select
        *,
        cast(coalesce(sum(category_amount) over (
            partition by cost_month order by category rows between unbounded preceding and current row
        ), 0) as decimal(28, 14)) as pool_amount
    from pools
),

rounded_pools as (
    select
        *,
        cast(round(pool_amount, 4) as decimal(24, 4)) as rounded_amount
    from pools_to_date
),

-- A channel whose month is a net credit bears nothing: its share would be below 0 and the others' above the whole.
bearers as (
    select
        cost_month,
        marketing_channel,
        cast(media_spend_amount as double) as weight
    from {{ ref('fct_media_spend') }}
    where media_spend_amount > 0
    union all
    select
        months.cost_month,
        'unattributed' as marketing_channel,
        cast(1 as double) as weight
    from (select distinct cost_month from pools) as months
    left join (select distinct cost_month from {{ ref('fct_media_spend') }} where media_spend_amount > 0) as media
        on media.cost_month = months.cost_month
    where media.cost_month is null
),

media_totals as (
    select
        cost_month,
        cast(sum(media_spend_amount) as double) as total_weight
    from {{ ref('fct_media_spend') }}
    where media_spend_amount > 0
    group by cost_month
),

shares as (
    select
        pools.*,
        bearers.marketing_channel,
        round(cast(pools.rounded_amount as double) * 10000) as pool_units,
        round(cast(pools.rounded_amount as double) * 10000) * bearers.weight / coalesce(media_totals.total_weight, 1) as exact_units
    from rounded_pools as pools
    inner join bearers on bearers.cost_month = pools.cost_month
    left join media_totals on media_totals.cost_month = pools.cost_month
),

-- Remainders are compared to six digits: two that are equal on paper must not be told apart by binary noise.
ranked as (
    select
        *,
        floor(exact_units) as floor_units,
        pool_units - sum(floor(exact_units)) over (partition by cost_month, category) as units_left,
        row_number() over (
            partition by cost_month, category
            order by round(exact_units - floor(exact_units), 6) desc, marketing_channel
        ) as remainder_rank
    from shares
),

-- What is finer than 0.0001 (a converted amount) goes to the first in rank, so that nothing of the ledger is lost.
parts_to_date as (
    select
        cost_month,
        category,
        category_amount,
        marketing_channel,
        cast(
            cast(floor_units + case when remainder_rank <= units_left then 1 else 0 end as decimal(24, 0)) * 0.0001
            + case when remainder_rank = 1 then pool_amount - rounded_amount else 0 end
            as decimal(28, 14)
        ) as part_to_date
    from ranked
),

shared as (
    select
        cost_month,
        category,
        marketing_channel,
        case when category_amount is not null then
            part_to_date - coalesce(
                lag(part_to_date) over (partition by cost_month, marketing_channel order by category), 0
            )
        end as amount
    from parts_to_date
),

parts as (
    select cost_month, category, marketing_channel, amount as direct_amount, cast(null as decimal(28, 14)) as shared_amount
    from direct
    union all
    select cost_month, category, marketing_channel, cast(null as decimal(28, 14)) as direct_amount, amount as shared_amount
    from shared
),

final as (
    select
        category,
        marketing_channel,
        cast(sum(direct_amount) as decimal(38, 14)) as direct_amount,
        cast(sum(shared_amount) as decimal(38, 14)) as shared_amount,
        cast(sum(coalesce(direct_amount, shared_amount)) as decimal(38, 14)) as allocated_amount,
        cost_month
    from parts
    group by category, marketing_channel, cost_month
)

select * from final
