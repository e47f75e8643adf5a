-- ties are numbered by the second key, and share a rank without it
SELECT
    deal_id,
    row_number() OVER (PARTITION BY rep_id ORDER BY amount DESC NULLS LAST, deal_id ASC NULLS LAST) AS number,
    rank() OVER (PARTITION BY rep_id ORDER BY amount DESC NULLS LAST) AS place,
    dense_rank() OVER (PARTITION BY rep_id ORDER BY amount DESC NULLS LAST) AS dense_place
FROM "deals"
