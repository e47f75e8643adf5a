-- metrics: revenue_ytd
-- group_by: metric_time__month, rep__team
-- Each sale belongs to the team of its rep's version at the sale's instant, whatever the team is later.
WITH sales AS (
    SELECT
        timezone('Europe/Berlin', lines.ordered_at)::DATE AS day,
        coalesce(versions.team, '(none)') AS team,
        lines.amount
    FROM sales_lines AS lines
    LEFT JOIN stg_reps AS versions
        ON lines.rep_id = versions.rep_id
        AND (versions.valid_from IS NULL OR versions.valid_from <= lines.ordered_at)
        AND (versions.valid_to IS NULL OR lines.ordered_at < versions.valid_to)
),

months AS (
    SELECT DISTINCT date_trunc('month', day)::DATE AS month FROM sales
)

SELECT
    months.month AS metric_time__month,
    sales.team AS rep__team,
    sum(sales.amount) AS revenue_ytd
FROM months
INNER JOIN sales
    ON year(sales.day) = year(months.month)
    AND sales.day <= last_day(months.month)
GROUP BY ALL
