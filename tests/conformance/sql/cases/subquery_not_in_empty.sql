-- nothing is in an empty set, not even null
SELECT deal_id, rep_id
FROM "deals"
WHERE rep_id NOT IN (SELECT rep_id FROM "empty_deals")
