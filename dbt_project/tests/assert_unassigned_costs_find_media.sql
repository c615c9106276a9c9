{{ config(severity='warn') }}
-- Months whose costs without a channel have no media spend to follow: they stay with the channel unattributed, so no
-- channel's fully loaded cost holds them.
select
    costs.cost_month,
    count(*) as row_count,
    sum(costs.cost_amount) as cost_amount
from {{ ref('fct_costs') }} as costs
left join (
    select distinct cost_month
    from {{ ref('fct_media_spend') }}
    where media_spend_amount > 0
) as media on media.cost_month = costs.cost_month
where
    costs.category in ('{{ allocated_cost_categories() | join("', '") }}')
    and costs.marketing_channel is null
    and media.cost_month is null
group by costs.cost_month
