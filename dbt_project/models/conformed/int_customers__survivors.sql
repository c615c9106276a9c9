-- What is known of a customer when their records say different things: of the verified values that of the source that
-- ranks first (seed source_ranks), of its records a living one before a merged one (the merge itself made that version
-- new), then the latest version, then the record's id.
{% set attributes = {
    'country_code': 'country_code',
    'has_marketing_consent': "case when has_marketing_consent then 'true' when not has_marketing_consent then 'false' end",
    'lead_marketing_channel': 'lead_marketing_channel',
    'account_key': 'account_key',
    'email_hash': 'email_hash',
} %}
with records as (
    select * from {{ ref('int_customers__records') }}
),

said as (
    {%- for attribute, value in attributes.items() %}
    select
        customer_key,
        source_system,
        source_table,
        id_namespace,
        source_id,
        is_merged,
        updated_at,
        '{{ attribute }}' as attribute,
        {{ value }} as attribute_value
    from records
    where {{ attribute }} is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

speakers as (
    select distinct
        source_system,
        source_table,
        attribute
    from said
),

ranks as (
    select
        speakers.source_system,
        speakers.source_table,
        speakers.attribute,
        seed.source_rank,
        row_number() over (
            partition by speakers.source_system, speakers.source_table, speakers.attribute
            order by
                case when seed.source_system is null then 1 else 0 end,
                case when seed.source_table is null then 1 else 0 end,
                case when seed.attribute is null then 1 else 0 end,
                seed.source_rank
        ) as specificity
    from speakers
    inner join {{ ref('source_ranks') }} as seed
        on coalesce(seed.source_system, speakers.source_system) = speakers.source_system
        and coalesce(seed.source_table, speakers.source_table) = speakers.source_table
        and coalesce(seed.attribute, speakers.attribute) = speakers.attribute
),

ranked as (
    select
        said.*,
        row_number() over (
            partition by said.customer_key, said.attribute
            order by
                ranks.source_rank nulls last,
                case when said.is_merged then 1 else 0 end,
                said.updated_at desc nulls last,
                said.source_system,
                said.source_table,
                said.id_namespace,
                said.source_id
        ) as voice
    from said
    left join ranks
        on ranks.source_system = said.source_system
        and ranks.source_table = said.source_table
        and ranks.attribute = said.attribute
        and ranks.specificity = 1
),

final as (
    select
        customer_key,
        {%- for attribute in attributes %}
        max(case when attribute = '{{ attribute }}' then attribute_value end)
            {{- " = 'true'" if attribute.startswith('has_') }} as {{ attribute }},
        max(case when attribute = '{{ attribute }}' then source_system || '.' || source_table end)
            as {{ attribute }}_source{{ ',' if not loop.last }}
        {%- endfor %}
    from ranked
    where voice = 1
    group by customer_key
)

select * from final
