-- Every offered contact ended in exactly one way, and handled is another word for answered.
with final as (
    select
        date,
        queue,
        service_channel
    from {{ ref('mart_service__queue_day') }}
    where
        offered_interaction_count
        <> answered_interaction_count + abandoned_interaction_count + other_interaction_count
        or handled_interaction_count <> answered_interaction_count
)

select * from final
