-- Answers given before as-of.
SELECT
    CAST(feedback.feedback_id AS VARCHAR) AS feedback_id,
    feedback.submitted_at AS submitted_at,
    {{ local_date('feedback.submitted_at') }} AS submitted_on,
    CAST(feedback.customer_id AS VARCHAR) AS customer_id,
    CAST(feedback.rep_id AS VARCHAR) AS rep_id,
    CAST(feedback.kind AS VARCHAR) AS kind,
    CAST(feedback.score AS INTEGER) AS score
FROM {{ source('crm', 'feedback') }} AS feedback
WHERE {{ seen_at('feedback.submitted_at') }}
