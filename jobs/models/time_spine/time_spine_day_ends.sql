-- The last microsecond of every day of the time spine in the project's time zone.
-- MetricFlow wants a spine as fine as the facts' times; a to-date metric needs but one moment of a day, its last.
-- Read by MetricFlow alone. Grain: one row per day.
SELECT
    {{ local_midnight(add_days('spine.date_day', 1)) }} - INTERVAL '1 microsecond' AS day_end
FROM {{ ref('time_spine_daily') }} AS spine
