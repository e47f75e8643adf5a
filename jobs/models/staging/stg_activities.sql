-- Activities before as-of; one that does not say is not automated.
SELECT
    CAST(activities.activity_id AS VARCHAR) AS activity_id,
    activities.occurred_at AS occurred_at,
    {{ local_date('activities.occurred_at') }} AS occurred_on,
    CAST(activities.kind AS VARCHAR) AS kind,
    CAST(activities.direction AS VARCHAR) AS direction,
    COALESCE(CAST(activities.is_automated AS BOOLEAN), FALSE) AS is_automated,
    CAST(activities.lead_id AS VARCHAR) AS lead_id,
    CAST(activities.opportunity_id AS VARCHAR) AS opportunity_id,
    CAST(activities.customer_id AS VARCHAR) AS customer_id,
    CAST(activities.rep_id AS VARCHAR) AS rep_id,
    CAST(activities.reached AS BOOLEAN) AS reached,
    CAST(activities.personalized_elements AS INTEGER) AS personalized_elements,
    CAST(activities.duration_seconds AS INTEGER) AS duration_seconds
FROM {{ source('crm', 'activities') }} AS activities
WHERE {{ seen_at('activities.occurred_at') }}
