{{ config(severity='warn') }}
-- Leads created before the first day of spend of the campaign that they name: a wrong campaign, or a lead that was typed
-- in with another day's date. They count all the same, by their own creation and channel.
with campaigns as (
    select
        campaign_id,
        min(spend_date) as first_spend_date
    from {{ ref('fct_marketing_spend') }}
    where campaign_id is not null
    group by campaign_id
)

select
    leads.lead_key,
    leads.created_date,
    campaigns.first_spend_date
from {{ ref('fct_leads') }} as leads
inner join campaigns on campaigns.campaign_id = leads.campaign_id
where leads.created_date < campaigns.first_spend_date
