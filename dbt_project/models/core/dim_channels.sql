-- Marketing channels, and the bucket of what no channel can claim, so that every attributed amount finds its row.
with channels as (
    select
        cast(marketing_channel as {{ dbt.type_string() }}) as marketing_channel,
        cast(is_paid as boolean) as is_paid,
        cast(sort_order as bigint) as sort_order
    from {{ ref('marketing_channels') }}
),

final as (
    select * from channels
    union all
    select
        'unattributed' as marketing_channel,
        false as is_paid,
        max(sort_order) + 1 as sort_order
    from channels
)

select * from final
