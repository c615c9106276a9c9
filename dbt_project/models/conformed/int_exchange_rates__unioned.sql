{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('exchange_rates', 'finance', 'exchange_rates') }}
),

final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.rate_date,
        upper(trim(unioned.currency_code)) as currency_code,
        unioned.rate_to_reporting
    from unioned
    where not coalesce(unioned.is_deleted, false)
)

select * from final
