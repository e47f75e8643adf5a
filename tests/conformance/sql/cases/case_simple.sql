SELECT deal_id, CASE stage WHEN 'won' THEN '수주' WHEN 'lost' THEN '실주' ELSE '(none)' END AS label
FROM "deals"
