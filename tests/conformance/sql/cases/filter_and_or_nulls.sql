-- each of AND, OR, NOT over true, false and null
SELECT
    deal_id,
    won AND score > 0 AS both_hold,
    won OR score > 0 AS one_holds,
    NOT won AS turned
FROM "deals"
