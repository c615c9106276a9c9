-- Survey questions asked and answered. A score is comparable once it is flipped so that high is good; an answer outside
-- its own scale, or on a scale without a length, is no score.
with responses as (
    select
        *,
        coalesce(direction, 'high_is_good') as scale_direction,
        {{ business_date('sent_at') }} as sent_date,
        {{ business_date('responded_at') }} as responded_date,
        survey_type = 'nps' and scale_max = 10 and scale_min in (0, 1) as is_promoter_scale
    from {{ ref('int_responses__resolved') }}
),

flipped as (
    select
        *,
        case
            when responded_at is null or scale_min >= scale_max or score < scale_min or score > scale_max then null
            when scale_direction = 'high_is_good' then score
            when scale_direction = 'low_is_good' then scale_min + scale_max - score
        end as score_high_is_good
    from responses
),

final as (
    select
        {{ surrogate_key(['id_namespace', 'response_id']) }} as response_key,
        customer_key,
        {{ surrogate_key(['id_namespace', 'interaction_id']) }} as interaction_key,
        {{ surrogate_key(['id_namespace', 'order_id']) }} as order_key,
        source_system,
        response_id,
        survey_type,
        touchpoint,
        score,
        cast(score_high_is_good as decimal(18, 6)) as score_high_is_good,
        scale_min,
        scale_max,
        case when is_promoter_scale then cast(score_high_is_good as decimal(18, 6)) end as nps_score_0_10,
        responded_at is not null as is_answered,
        score_high_is_good is not null and (survey_type <> 'nps' or is_promoter_scale) as is_scorable,
        touchpoint is null as is_relational,
        sent_date,
        responded_date,
        sent_at,
        responded_at
    from flipped
)

select * from final
