SELECT
    deal_id,
    count(*) FILTER (WHERE won) OVER (PARTITION BY rep_id) AS won_deals,
    sum(amount) FILTER (WHERE stage = 'won') OVER (ORDER BY deal_id ASC NULLS LAST) AS won_to_date
FROM "deals"
