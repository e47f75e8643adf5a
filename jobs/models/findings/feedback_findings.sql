-- Answers that no score has: off the scale of their survey, and, of a customer's answers on it, those that a later one of
-- the month replaces. The one that counts is chosen among the answers on the scale, as in the metrics.
-- Grain: one row per answer that no score has.
WITH ranked AS (
    SELECT
        answers.feedback_id AS feedback_id,
        answers.survey AS survey,
        row_number() OVER (
            PARTITION BY
                answers.respondent_id,
                answers.survey,
                {{ dbt.date_trunc('month', 'answers.submitted_on') }}
            ORDER BY answers.submitted_at DESC NULLS LAST, answers.feedback_id DESC NULLS LAST
        ) AS place
    FROM {{ ref('feedback_answers') }} AS answers
)

SELECT
    CASE WHEN ranked.survey IS NULL THEN 'score_off_scale' ELSE 'answer_replaced_in_month' END AS rule,
    'crm.feedback' AS table_name,
    ranked.feedback_id AS key
FROM ranked
WHERE ranked.survey IS NULL OR ranked.place > 1
