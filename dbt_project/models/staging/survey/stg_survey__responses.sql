with source as (
    select * from {{ source('survey', 'responses') }}
),

renamed as (
    select
        'survey' as source_system,
        'generic' as id_namespace,
        response_id,
        survey_type,
        score,
        scale_min,
        scale_max,
        direction,
        email,
        contact_id,
        customer_id,
        interaction_id,
        order_id,
        touchpoint,
        comment,
        responded_at,
        sent_at,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed
