-- Companies of the CRM, each in its tree. No names: that of a sole trader is a person's.
with accounts as (
    select * from {{ ref('int_accounts__unioned') }}
),

final as (
    select
        {{ surrogate_key(['accounts.id_namespace', 'accounts.account_id']) }} as account_key,
        {{ surrogate_key(['hierarchy.id_namespace', 'hierarchy.parent_account_id']) }} as parent_account_key,
        {{ surrogate_key(['hierarchy.id_namespace', 'hierarchy.top_account_id']) }} as top_account_key,
        accounts.source_system,
        accounts.id_namespace,
        accounts.account_id,
        countries.country_code,
        hierarchy.account_level,
        hierarchy.is_parent_unknown,
        hierarchy.is_in_parent_cycle,
        accounts.created_at,
        accounts.updated_at
    from accounts
    inner join {{ source('identity_output', 'account_hierarchy') }} as hierarchy
        on hierarchy.id_namespace = accounts.id_namespace
        and hierarchy.account_id = accounts.account_id
    left join {{ ref('country_codes') }} as countries
        on countries.country_code = upper(trim(accounts.country_code))
)

select * from final
