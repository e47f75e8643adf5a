//! Expressions, their types, and what is refused.

use arrow::datatypes::{DataType, TimeUnit};

use super::super::{SqlError, SqlModel, lower_projection};
use super::{lake, lines, refusal, run};

#[test]
fn division_is_of_doubles_and_null_by_zero() {
    assert_eq!(lines("SELECT 1 / 2 AS h, 1 / 0 AS z, 0 / 0 AS n, 7 % 3 AS r, (0 - 7) % 3 AS q"), ["0.5,null,null,1,-1"]);
}

#[test]
fn a_quotient_is_the_same_of_one_row_and_of_many() {
    let exact = 122_065.0_f64 / 86_400.0;
    assert!((122_065.0 * (1.0 / 86_400.0) - exact).abs() > 0.0, "the reciprocal would do");
    for condition in ["TRUE", "id = 1", "FALSE"] {
        let relation = run(&format!("SELECT (122064 + id / id) / 86400 AS q FROM orders WHERE {condition}")).unwrap();
        let rows = relation.frame.collect().unwrap();
        let quotients: Vec<Option<f64>> = rows.column("q").unwrap().f64().unwrap().iter().collect();
        assert!(quotients.iter().all(|quotient| quotient.map(f64::to_bits) == Some(exact.to_bits())), "{condition}: {quotients:?}");
    }
    assert_eq!(lines("SELECT 60 / amount AS q FROM orders WHERE id > 3"), ["1.5", "null", "1.0"]);
}

#[test]
fn money_stays_decimal() {
    let relation = run("SELECT sum(price) AS s, max(price * 2) AS d FROM money").unwrap();
    assert_eq!(relation.schema.field(0).data_type(), &DataType::Decimal128(38, 2));
    assert!(matches!(relation.schema.field(1).data_type(), DataType::Decimal128(_, 2)));
    assert_eq!(lines("SELECT sum(price) AS s, max(price * 1.5) AS d, CAST(2.345 AS DECIMAL(9, 2)) AS r FROM money"), ["3.35,3.375,2.35"]);
}

#[test]
fn logic_has_three_values() {
    assert_eq!(
        lines(
            "SELECT (NULL AND FALSE) AS a, (NULL OR TRUE) AS b, (NULL AND TRUE) AS c,
                    (NULL IS DISTINCT FROM 1) AS d, (1 IS NOT DISTINCT FROM 1) AS e,
                    coalesce(NULL, 5) AS f, nullif(3, 3) AS g"
        ),
        ["false,true,null,true,true,5,null"]
    );
}

#[test]
fn case_takes_the_first_true_branch() {
    assert_eq!(
        lines(
            "SELECT id, CASE WHEN amount > 25 THEN 'high' WHEN amount > 15 THEN 'mid' ELSE 'low' END AS h,
                    CASE rep WHEN 'a' THEN 1 WHEN 'b' THEN 2 END AS k
             FROM orders ORDER BY id NULLS LAST LIMIT 3 OFFSET 1"
        ),
        ["2,mid,1", "3,high,2", "4,high,null"]
    );
}

#[test]
fn text_functions() {
    assert_eq!(
        lines(
            "SELECT upper('ab') || '-' || lower('CD') AS a, substr('abcdef', 2, 3) AS b, length('한글') AS c,
                    replace('a.b', '.', '') AS d, concat('x', NULL, 'y') AS e, trim('  q ') AS f,
                    'a%c' LIKE 'a!%_' ESCAPE '!' AS g, 'abc' LIKE 'a%' AS h, greatest(1, NULL, 3) AS i"
        ),
        ["AB-cd,bcd,2,ab,xy,q,true,true,3"]
    );
}

#[test]
fn dates_and_days() {
    assert_eq!(
        lines(
            "SELECT add_days(DATE '2024-02-28', 2) AS a, add_months(DATE '2024-01-31', 1) AS b,
                    days_between(DATE '2024-01-01', DATE '2024-03-01') AS c,
                    date_trunc('month', DATE '2024-05-17') AS d, date_trunc('week', DATE '2024-05-19') AS e,
                    EXTRACT(YEAR FROM DATE '2024-05-17') AS f, DATE '2024-05-17' + INTERVAL '1 day' AS g,
                    DATE '2024-05-17' + 3 AS h, DATE '2024-03-01' - DATE '2024-02-01' AS i"
        ),
        ["2024-03-01,2024-02-29,60,2024-05-01,2024-05-13,2024,2024-05-18,2024-05-20,29"]
    );
}

#[test]
fn instants_and_local_days() {
    // 22:30 UTC on 30 June is 00:30 on 1 July in Berlin.
    let sql = "WITH m AS (SELECT CAST(happened AS TIMESTAMP WITH TIME ZONE) AS moment FROM moments)
               SELECT local_date(moment, 'Europe/Berlin') AS d, epoch_us(moment) AS u,
                      epoch_us(local_midnight(local_date(moment, 'Europe/Berlin'), 'Europe/Berlin')) AS m,
                      moment < instant('2024-03-01T00:00:00Z') AS e
               FROM m ORDER BY u NULLS LAST";
    assert_eq!(lines(sql), ["2024-01-31,1706702400000000,1706655600000000,true", "2024-07-01,1719786600000000,1719784800000000,false", "null,null,null,null"]);
    let relation = run("SELECT instant('2024-03-01T00:00:00Z') AS i").unwrap();
    assert_eq!(relation.schema.field(0).data_type(), &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
}

#[test]
fn literals_alone_keep_the_rows() {
    assert_eq!(lines("SELECT 1 AS x FROM orders WHERE id < 3"), ["1", "1"]);
    assert_eq!(lines("SELECT sum(1) AS s, count(*) AS n FROM orders"), ["6,6"]);
}

#[test]
fn projections_keep_rows_and_names() {
    let model = SqlModel { name: "m", file: "m.yml", sql: "" };
    let columns = [("x".to_owned(), "amount * 2 -- twice".to_owned()), ("k".to_owned(), "'k'".to_owned())];
    let answer = lower_projection(&model, &lake()["orders"], &columns).unwrap();
    let frame = answer.frame.collect().unwrap();
    assert_eq!((frame.height(), frame.width()), (6, 2));
    let sums = [("s".to_owned(), "sum(amount)".to_owned())];
    let refused = lower_projection(&model, &lake()["orders"], &sums).unwrap_err();
    assert_eq!(refused.to_string(), "model `m` in `m.yml`: not supported: an aggregate in an expression over rows");
}

#[test]
fn unknown_names_are_told_with_the_nearest() {
    assert_eq!(refusal("SELECT 1 AS x FROM order_s"), "model `m` in `models/m.sql`: no relation is named `order_s`; the nearest is `orders`");
    let column = refusal("SELECT amont FROM orders");
    assert!(column.contains("amont") && column.contains("amount"), "{column}");
    assert!(matches!(run("SELECT id FROM\n orders )"), Err(SqlError::Parse { line: 2, .. })));
}

#[test]
fn what_is_not_lowered_is_refused_by_name() {
    for (sql, construct) in [
        ("SELECT DISTINCT ON (rep) id FROM orders", "DISTINCT ON"),
        ("SELECT o.id FROM orders o FULL JOIN crm.reps r ON o.rep = r.rep", "Full JOIN"),
        ("SELECT rep FROM orders GROUP BY ROLLUP (rep)", "ROLLUP"),
        ("SELECT sum(DISTINCT amount) AS s FROM orders", "`sum` with DISTINCT"),
        ("SELECT sum(amount) OVER (ORDER BY day RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM orders", "RANGE frame"),
        ("SELECT CAST(instant('2024-01-01T00:00:00Z') AS DATE) AS d", "use `local_date`"),
        ("SELECT (SELECT max(r.valid_from) FROM crm.reps r WHERE r.rep = o.rep) AS v FROM orders o", "correlated scalar subquery"),
    ] {
        assert!(matches!(run(sql), Err(SqlError::Unsupported { .. })), "{sql}");
        assert!(refusal(sql).contains(construct), "{}", refusal(sql));
    }
}
