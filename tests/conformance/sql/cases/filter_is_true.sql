-- IS TRUE and IS NOT TRUE never give null
SELECT deal_id, won IS TRUE AS is_won, won IS NOT TRUE AS is_not_won, won IS FALSE AS is_lost
FROM "deals"
