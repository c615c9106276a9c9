{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('leads', 'crm', 'leads') }}
),

channels as (
    {{ value_map('map_marketing_channels', 'marketing_channel') }}
),

statuses as (
    {{ value_map('map_lead_statuses', 'lead_status') }}
),

-- Deleted records stay: identity keeps their id for the events that name them.
final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.lead_id,
        unioned.contact_id,
        unioned.email,
        unioned.phone,
        coalesce(channels.marketing_channel, 'unmapped') as marketing_channel,
        unioned.campaign_id,
        coalesce(statuses.lead_status, 'unmapped') as lead_status,
        unioned.created_at,
        unioned.qualified_at,
        unioned.converted_at,
        unioned.converted_contact_id,
        unioned.opportunity_id,
        unioned.updated_at,
        coalesce(unioned.is_deleted, false) as is_deleted
    from unioned
    left join channels
        on channels.vendor_value = lower(trim(unioned.lead_source))
    left join statuses
        on statuses.vendor_value = lower(trim(unioned.status))
)

select * from final
