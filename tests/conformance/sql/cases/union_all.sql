SELECT stage AS word, amount AS value FROM "deals"
UNION ALL
SELECT product, price FROM "lines"
UNION ALL
SELECT customer, NULL FROM "subscriptions"
