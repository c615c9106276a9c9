{#
    The marketing channel of a row that carries utm marks (seed map_utm_channels).

    A model uses two parts: `{{ utm_channel_joins('visits') }}` after its from clause, where `visits` is the alias of
    a relation with utm_source, utm_medium and utm_campaign, and `{{ utm_channel('visits') }}` as an expression.
    The source and the medium decide; a medium that the seed knows under any source stands in when the pair is not
    there. Null means that the row carries no mark at all; marks that the seed does not know are `unmapped`.
#}
{% macro utm_channel_joins(alias) -%}
    left join (
        {{ utm_map() }}
    ) as utm_pairs
        on utm_pairs.utm_source = lower(trim(coalesce({{ alias }}.utm_source, '')))
        and utm_pairs.utm_medium = lower(trim(coalesce({{ alias }}.utm_medium, '')))
    left join (
        {{ utm_map() }}
    ) as utm_mediums
        on utm_mediums.utm_source = ''
        and utm_mediums.utm_medium = lower(trim({{ alias }}.utm_medium))
{%- endmacro %}

{% macro utm_channel(alias) -%}
    case
        when coalesce({{ alias }}.utm_source, {{ alias }}.utm_medium, {{ alias }}.utm_campaign) is not null
            then coalesce(utm_pairs.marketing_channel, utm_mediums.marketing_channel, 'unmapped')
    end
{%- endmacro %}

{% macro utm_map() -%}
    select
        lower(trim(coalesce(utm_source, ''))) as utm_source,
        lower(trim(coalesce(utm_medium, ''))) as utm_medium,
        min(marketing_channel) as marketing_channel
    from {{ ref('map_utm_channels') }}
    group by lower(trim(coalesce(utm_source, ''))), lower(trim(coalesce(utm_medium, '')))
{%- endmacro %}
