-- Trainings of the probabilistic rule: parameters over all records together, never a value of one.
with models as (
    select * from {{ source('identity_output', 'identity_models') }}
),

final as (
    select
        model_version,
        training_number,
        trained_as_of_date,
        is_asked_for,
        is_in_force,
        record_count,
        candidate_pair_count,
        compared_attributes,
        parameters
    from models
)

select * from final
