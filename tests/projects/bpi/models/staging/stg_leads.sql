-- Leads, from the applications: each asks for a loan now, so it is hot, and is converted when approved.
-- No one owns an application before it is worked on.
SELECT
    CAST(milestones.case_id AS VARCHAR) AS lead_id,
    milestones.submitted_at AS created_at,
    {{ local_date('milestones.submitted_at') }} AS created_on,
    CAST(NULL AS VARCHAR) AS source,
    'loan_application' AS offer,
    'hot' AS temperature,
    CAST(NULL AS VARCHAR) AS rep_id,
    CAST(NULL AS VARCHAR) AS territory,
    CAST(milestones.case_id AS VARCHAR) AS customer_id,
    milestones.approved_at AS converted_at,
    {{ local_date('milestones.approved_at') }} AS converted_on
FROM {{ ref('milestones') }} AS milestones
