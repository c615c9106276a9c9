-- Records that may say something of their customer, with what they say where it is verified: present and valid. A
-- deleted record is silent, unless it was merged into another: then it stands for the same person still.
with countries as (
    select country_code from {{ ref('country_codes') }}
),

channels as (
    {{ value_map('map_marketing_channels', 'marketing_channel') }}
),

accounts as (
    select
        id_namespace,
        account_id
    from {{ source('identity_output', 'account_hierarchy') }}
),

identifiers as (
    select * from {{ source('identity_output', 'identifiers') }}
),

hashes as (
    select * from {{ source('identity_output', 'email_hashes') }}
),

spoken as (
    select
        'contacts' as source_table,
        'contact_id' as identifier_kind,
        source_system,
        id_namespace,
        contact_id as source_id,
        email,
        upper(trim(country_code)) as country_code,
        cast(null as boolean) as has_marketing_consent,
        lower(trim(lead_source)) as vendor_channel,
        cast(null as {{ dbt.type_string() }}) as lead_channel,
        account_id,
        is_deleted as is_merged,
        updated_at
    from {{ ref('int_contacts__unioned') }}
    where not is_deleted or trim(merged_into_contact_id) <> ''
    union all
    select
        'leads' as source_table,
        'lead_id' as identifier_kind,
        source_system,
        id_namespace,
        lead_id as source_id,
        email,
        null as country_code,
        null as has_marketing_consent,
        null as vendor_channel,
        nullif(marketing_channel, 'unmapped') as lead_channel,
        null as account_id,
        false as is_merged,
        updated_at
    from {{ ref('int_leads__unioned') }}
    where not is_deleted
    union all
    select
        'customers' as source_table,
        'customer_id' as identifier_kind,
        source_system,
        id_namespace,
        customer_id as source_id,
        email,
        upper(trim(country_code)) as country_code,
        accepts_marketing as has_marketing_consent,
        null as vendor_channel,
        null as lead_channel,
        null as account_id,
        false as is_merged,
        updated_at
    from {{ ref('int_customers__unioned') }}
    where not is_deleted
),

final as (
    select
        identifiers.customer_key,
        spoken.source_system,
        spoken.source_table,
        spoken.id_namespace,
        spoken.source_id,
        countries.country_code,
        spoken.country_code as delivered_country_code,
        coalesce(spoken.lead_channel, nullif(channels.marketing_channel, 'unmapped')) as lead_marketing_channel,
        {{ surrogate_key(['accounts.id_namespace', 'accounts.account_id']) }} as account_key,
        nullif(trim(spoken.account_id), '') as delivered_account_id,
        hashes.email_hash,
        hashes.email_hash_key_version,
        spoken.has_marketing_consent,
        spoken.is_merged,
        spoken.updated_at
    from spoken
    inner join identifiers
        on identifiers.identifier_kind = spoken.identifier_kind
        and identifiers.id_namespace = spoken.id_namespace
        and identifiers.identifier_value = spoken.source_id
    left join countries
        on countries.country_code = spoken.country_code
    left join channels
        on channels.vendor_value = spoken.vendor_channel
    left join accounts
        on accounts.id_namespace = spoken.id_namespace
        and accounts.account_id = spoken.account_id
    left join hashes
        on hashes.email = spoken.email
)

select * from final
