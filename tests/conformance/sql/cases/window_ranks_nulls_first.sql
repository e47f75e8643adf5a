SELECT
    deal_id,
    rank() OVER (ORDER BY units ASC NULLS FIRST) AS place,
    dense_rank() OVER (ORDER BY units ASC NULLS FIRST) AS dense_place,
    rank() OVER (ORDER BY units DESC NULLS FIRST) AS place_down
FROM "deals"
