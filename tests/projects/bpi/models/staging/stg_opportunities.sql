-- Deals, from the applications: opened when submitted; won when approved; lost when declined or cancelled.
-- The rep is who decided. Trap: that is the system, `112`, for a part of them; it keeps its id and is no rep
-- (stg_reps does not know it), so its deals are in no team and in every total.
SELECT
    CAST(milestones.case_id AS VARCHAR) AS opportunity_id,
    milestones.submitted_at AS created_at,
    {{ local_date('milestones.submitted_at') }} AS created_on,
    CASE
        WHEN milestones.approved_at IS NOT NULL THEN 'won'
        WHEN milestones.decided_at IS NOT NULL THEN 'lost'
        ELSE 'open'
    END AS status,
    milestones.decided_at AS closed_at,
    {{ local_date('milestones.decided_at') }} AS closed_on,
    CAST(milestones.case_id AS VARCHAR) AS customer_id,
    CAST(milestones.case_id AS VARCHAR) AS lead_id,
    CAST(milestones.decided_by AS VARCHAR) AS rep_id,
    CAST(NULL AS VARCHAR) AS product_id,
    CAST(NULL AS VARCHAR) AS channel,
    CAST(NULL AS VARCHAR) AS kind,
    CAST(cases.amount_req AS DECIMAL(18, 2)) AS amount,
    '{{ var("reporting_currency") }}' AS currency
FROM {{ ref('milestones') }} AS milestones
INNER JOIN {{ source('bpi', 'cases') }} AS cases
    ON milestones.case_id = cases.case_id
