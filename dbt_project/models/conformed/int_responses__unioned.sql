{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('responses', 'survey', 'responses') }}
),

final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.response_id,
        lower(trim(unioned.survey_type)) as survey_type,
        unioned.score,
        unioned.scale_min,
        unioned.scale_max,
        lower(trim(unioned.direction)) as direction,
        unioned.email,
        unioned.contact_id,
        unioned.customer_id,
        unioned.interaction_id,
        unioned.order_id,
        unioned.touchpoint,
        unioned.comment,
        unioned.responded_at,
        unioned.sent_at
    from unioned
    where not coalesce(unioned.is_deleted, false)
)

select * from final
