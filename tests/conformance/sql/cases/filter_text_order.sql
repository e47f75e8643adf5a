-- text compares by code points
SELECT deal_id, customer, customer < 'a' AS before_a, customer >= '가' AS from_ga
FROM "deals"
WHERE customer > 'Z'
