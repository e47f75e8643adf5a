SELECT deal_id, rep_id, stage
FROM "deals"
WHERE rep_id IS NULL OR (stage IS NOT NULL AND amount IS NULL)
