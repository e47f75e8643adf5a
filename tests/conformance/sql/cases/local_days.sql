-- the day in Berlin, around both changes of the clock and at the turn of a year
SELECT
    deal_id,
    created_at,
    local_date(created_at, 'Europe/Berlin') AS berlin_day,
    local_date(created_at, 'Asia/Seoul') AS seoul_day,
    local_date(created_at, 'UTC') AS utc_day
FROM "crm"."deals"
