-- Answers of a customer to a survey that a later one of the same month replaces.
-- Grain: one row per answer that is replaced.
WITH answers AS (
    SELECT
        feedback.feedback_id AS feedback_id,
        feedback.customer_id AS customer_id,
        feedback.kind AS kind,
        feedback.submitted_at AS submitted_at,
        {{ dbt.date_trunc('month', 'feedback.submitted_on') }} AS month
    FROM {{ ref('stg_feedback') }} AS feedback
    WHERE feedback.customer_id IS NOT NULL
),

ranked AS (
    SELECT
        answers.feedback_id AS feedback_id,
        row_number() OVER (
            PARTITION BY answers.customer_id, answers.kind, answers.month
            ORDER BY answers.submitted_at DESC NULLS LAST, answers.feedback_id DESC NULLS LAST
        ) AS place
    FROM answers
)

SELECT
    'answer_replaced_in_month' AS rule,
    'crm.feedback' AS table_name,
    ranked.feedback_id AS key
FROM ranked
WHERE ranked.place > 1
