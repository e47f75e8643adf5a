-- windows inside arithmetic, CASE and COALESCE, with two different windows
SELECT
    deal_id,
    units - COALESCE(lag(units) OVER (ORDER BY deal_id ASC NULLS LAST), 0) AS change,
    CASE WHEN row_number() OVER (PARTITION BY customer ORDER BY deal_id ASC NULLS LAST) = 1 THEN 'first' ELSE 'again' END AS visit
FROM "deals"
