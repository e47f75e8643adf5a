-- Answers to surveys, by when they were given.
-- Of several answers of a respondent to one survey in the same instant, the one with the highest id counts.
-- A respondent is a customer; an answer without one is a respondent of its own.
-- An answer off the scale of its survey (nps 0 to 10, csat 1 to 5) belongs to no survey: it takes the place of no other,
-- and feedback_findings counts it.
-- Grain: one row per answer.
WITH scaled AS (
    SELECT
        feedback.feedback_id AS feedback_id,
        feedback.customer_id AS customer_id,
        COALESCE(feedback.customer_id, '#' || feedback.feedback_id) AS respondent_id,
        feedback.rep_id AS rep_id,
        feedback.submitted_at AS submitted_at,
        feedback.submitted_on AS submitted_on,
        feedback.score AS score,
        CASE
            WHEN feedback.kind = 'nps' AND feedback.score BETWEEN 0 AND 10 THEN 'nps'
            WHEN feedback.kind = 'csat' AND feedback.score BETWEEN 1 AND 5 THEN 'csat'
        END AS survey
    FROM {{ ref('stg_feedback') }} AS feedback
),

placed AS (
    SELECT
        scaled.feedback_id AS feedback_id,
        scaled.customer_id AS customer_id,
        scaled.respondent_id AS respondent_id,
        scaled.rep_id AS rep_id,
        scaled.submitted_at AS submitted_at,
        scaled.submitted_on AS submitted_on,
        scaled.score AS score,
        scaled.survey AS survey,
        scaled.survey IS NOT NULL
        AND row_number() OVER (
            PARTITION BY scaled.respondent_id, scaled.survey, scaled.submitted_at
            ORDER BY scaled.feedback_id DESC NULLS LAST
        ) = 1 AS counts
    FROM scaled
)

SELECT
    placed.feedback_id AS feedback_id,
    placed.customer_id AS customer_id,
    placed.respondent_id AS respondent_id,
    placed.rep_id AS rep_id,
    placed.survey AS survey,
    placed.submitted_at AS submitted_at,
    placed.submitted_on AS submitted_on,
    CASE WHEN placed.counts THEN placed.feedback_id END AS answer_id,
    placed.counts AND placed.score >= 9 AS is_promoter,
    placed.counts AND placed.score <= 6 AS is_detractor,
    placed.counts AND placed.score >= 4 AS is_satisfied
FROM placed
