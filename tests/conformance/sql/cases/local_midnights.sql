-- days of 23 and of 25 hours
SELECT
    day,
    local_midnight(day, 'Europe/Berlin') AS starts_at,
    (epoch_us(local_midnight(add_days(day, 1), 'Europe/Berlin')) - epoch_us(local_midnight(day, 'Europe/Berlin'))) / 3600000000 AS hours
FROM "days"
