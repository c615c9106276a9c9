with channels as (
    select
        *,
        sum(path_start_count) over () as chain_path_count,
        sum(conversion_end_count) over () as chain_converting_path_count
    from {{ source('attribution_output', 'markov_weights') }}
),

final as (
    select
        cast(marketing_channel as {{ dbt.type_string() }}) as marketing_channel,
        cast(visit_count as bigint) as visit_count,
        cast(path_start_count as bigint) as path_start_count,
        cast(conversion_end_count as bigint) as conversion_end_count,
        cast(null_end_count as bigint) as null_end_count,
        cast(chain_path_count as bigint) as chain_path_count,
        cast(chain_converting_path_count as bigint) as chain_converting_path_count,
        cast(removal_effect as decimal(20, 18)) as removal_effect,
        cast(weight as decimal(20, 18)) as removal_effect_weight,
        {{ ratio('chain_converting_path_count', 'chain_path_count') }} as chain_conversion_rate,
        {{ mart_columns('mart_attribution__channel_effect') }}
    from channels
)

select * from final
