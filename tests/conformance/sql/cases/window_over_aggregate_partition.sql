SELECT
    rep_id,
    stage,
    count(*) AS deals,
    CAST(count(*) AS DOUBLE) / sum(count(*)) OVER (PARTITION BY rep_id) AS share_of_rep
FROM "deals"
GROUP BY rep_id, stage
