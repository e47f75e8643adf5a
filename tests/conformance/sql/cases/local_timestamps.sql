-- the hour from two to three is missing in March and comes twice in October
SELECT deal_id, created_at, local_timestamp(created_at, 'Europe/Berlin') AS berlin_wall
FROM "deals"
