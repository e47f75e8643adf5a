//! Joins, windows, aggregates, subqueries and unions; among them what polars-sql answered wrongly.

use super::lines;
use super::run;

#[test]
fn left_join_with_a_residual_keeps_rows_whose_pairs_all_fail() {
    // Orders 1 (day 1 < 2), 3 (day 2 < 3), 4 (no rep z) and 5 (null) stay with nulls; 2 and 6 match.
    assert_eq!(
        lines(
            "SELECT o.id, r.team FROM orders o
             LEFT JOIN crm.reps r ON o.rep = r.rep AND o.day >= r.valid_from
             ORDER BY o.id NULLS LAST"
        ),
        ["1,null", "2,north", "3,null", "4,null", "5,null", "6,south"]
    );
}

#[test]
fn left_join_on_a_range_only_keeps_every_row() {
    // valid_from is 2, 3, 1, 1: day 1 has two reps, day 2 three, day 3 and later four; `> 9` has none.
    assert_eq!(
        lines(
            "SELECT o.id, count(r.valid_from) AS n FROM orders o
             LEFT JOIN crm.reps r ON o.day >= r.valid_from
             GROUP BY o.id ORDER BY o.id NULLS LAST"
        ),
        ["1,2", "2,3", "3,3", "4,4", "5,4", "6,4"]
    );
    assert_eq!(
        lines(
            "SELECT count(*) AS n, count(r.rep) AS m FROM orders o
             LEFT JOIN crm.reps r ON r.valid_from > o.day + 9"
        ),
        ["6,0"]
    );
    assert_eq!(lines("SELECT count(*) AS n FROM orders o LEFT JOIN nothing e ON e.x > o.day"), ["6"]);
}

#[test]
fn inner_right_and_cross_joins() {
    assert_eq!(
        lines(
            "SELECT o.id, r.team FROM orders o JOIN crm.reps r ON o.rep = r.rep AND o.day > r.valid_from
             ORDER BY o.id NULLS LAST"
        ),
        ["6,south"]
    );
    assert_eq!(
        lines(
            "SELECT o.id, r.rep FROM orders o RIGHT JOIN crm.reps r ON o.rep = r.rep AND o.id > 2
             ORDER BY r.rep NULLS LAST, o.id NULLS LAST"
        ),
        ["null,a", "3,b", "6,b", "null,c", "null,null"]
    );
    assert_eq!(lines("SELECT count(*) AS n FROM orders CROSS JOIN crm.reps"), ["24"]);
}

#[test]
fn one_table_twice_clashes_with_nothing() {
    assert_eq!(
        lines(
            "WITH o AS (SELECT id, amount FROM orders)
             SELECT x.id AS a, y.id AS b FROM o x JOIN o y ON x.id = y.id + 1 AND y.amount > 10
             ORDER BY a NULLS LAST"
        ),
        ["3,2", "4,3", "5,4"]
    );
}

#[test]
fn the_default_frame_runs_to_the_last_peer() {
    // Days 1, 2, 2, 3, 4, 5: both rows of day 2 have 10 + 20 + 30.
    assert_eq!(lines("SELECT id, sum(amount) OVER (ORDER BY day NULLS LAST) AS s FROM orders ORDER BY id NULLS LAST"), ["1,10", "2,60", "3,60", "4,100", "5,100", "6,160"]);
}

#[test]
fn last_value_over_a_full_frame() {
    assert_eq!(
        lines(
            "SELECT id, last_value(id) OVER (PARTITION BY rep ORDER BY id NULLS LAST
               ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS l
             FROM orders ORDER BY id NULLS LAST"
        ),
        ["1,2", "2,2", "3,6", "4,4", "5,5", "6,6"]
    );
}

#[test]
fn a_share_of_the_sum_of_sums() {
    // a 30, b 90, z 40, none null: of 160.
    assert_eq!(
        lines(
            "SELECT rep, sum(amount) / sum(sum(amount)) OVER () AS share FROM orders
             GROUP BY rep ORDER BY rep NULLS LAST"
        ),
        ["a,0.1875", "b,0.5625", "z,0.25", "null,null"]
    );
}

#[test]
fn row_numbers_and_lags() {
    assert_eq!(
        lines(
            "SELECT id, row_number() OVER (PARTITION BY rep ORDER BY id DESC NULLS LAST) AS n,
                    lag(amount, 1, 0) OVER (PARTITION BY rep ORDER BY id NULLS LAST) AS p
             FROM orders ORDER BY id NULLS LAST"
        ),
        ["1,2,0", "2,1,10", "3,2,0", "4,1,0", "5,1,0", "6,1,30"]
    );
}

#[test]
fn the_first_row_of_each_partition() {
    let ranked = |rest: &str| {
        lines(&format!(
            "WITH ranked AS (SELECT o.id AS id, o.rep AS rep, o.amount AS amount, row_number() OVER (PARTITION BY o.rep ORDER BY o.day DESC NULLS LAST) AS place FROM orders o),
             named AS (SELECT ranked.place AS position, ranked.id + 0 AS id, ranked.rep AS rep, ranked.amount AS amount FROM ranked) {rest}"
        ))
    };
    let expected = ["2,a,1", "4,z,1", "5,null,1", "6,b,1"];
    assert_eq!(ranked("SELECT id, rep, position FROM named WHERE position = 1 ORDER BY id NULLS LAST"), expected);
    assert_eq!(ranked("SELECT n.id, n.rep, n.position FROM named n WHERE 1 = n.position AND n.id > 2 ORDER BY n.id NULLS LAST"), expected[1..]);
    // Not a row number any more, and not the first of its partition.
    assert_eq!(ranked("SELECT n.id FROM (SELECT id, position + 0 AS position FROM named) n WHERE n.position = 1 ORDER BY n.id NULLS LAST"), ["2", "4", "5", "6"]);
    assert_eq!(ranked("SELECT id FROM named WHERE position = 2 ORDER BY id NULLS LAST"), ["1", "3"]);
    // A condition below another one is asked of all rows: the last order of b, 6, does not pass, and 3 is not the first.
    assert_eq!(ranked("SELECT id FROM (SELECT * FROM named WHERE amount < 50) AS small WHERE position = 1 ORDER BY id NULLS LAST"), ["2", "4"]);
    assert_eq!(
        lines("SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id DESC NULLS LAST) AS p, count(*) OVER (PARTITION BY rep) AS n FROM orders) x WHERE p = 1 AND n = 2"),
        ["6"]
    );
}

#[test]
fn the_first_row_of_each_partition_of_a_union() {
    // Of rep a order 1 by day, of b the rep's row (day 3) after order 3 (day 2), of c the rep's row alone; of the two null reps the earlier day.
    let sql = "WITH all_rows AS (SELECT rep, day, 'order' AS what FROM orders UNION ALL SELECT rep, valid_from AS day, 'rep' AS what FROM crm.reps UNION ALL SELECT t AS rep, x AS day, t AS what FROM nothing),
         ranked AS (SELECT a.rep, a.day, a.what, row_number() OVER (PARTITION BY a.rep ORDER BY a.day NULLS LAST, a.what NULLS LAST) AS place FROM all_rows a WHERE a.day > 0)
         SELECT rep, day, what, place FROM ranked WHERE place = 1 ORDER BY rep NULLS LAST";
    assert_eq!(lines(sql), ["a,1,order,1", "b,2,order,1", "c,1,rep,1", "z,3,order,1", "null,1,rep,1"]);
}

#[test]
fn what_a_join_asks_of_one_side_is_asked_before_it() {
    let last = "(SELECT id, rep, row_number() OVER (PARTITION BY rep ORDER BY day DESC NULLS LAST) AS place FROM orders)";
    // Left rows stay whatever is asked of them; right rows that are not wanted pair with nobody.
    assert_eq!(
        lines(&format!("SELECT r.rep, o.id FROM crm.reps r LEFT JOIN {last} o ON r.rep = o.rep AND o.place = 1 AND r.valid_from > 2 ORDER BY r.valid_from, r.rep NULLS LAST")),
        ["c,null", "null,null", "a,null", "b,6"]
    );
    assert_eq!(
        lines(&format!("SELECT o.id, r.team FROM {last} o RIGHT JOIN crm.reps r ON r.rep = o.rep AND o.place = 1 AND r.team = 'north' ORDER BY r.team, o.id NULLS LAST")),
        ["null,none", "2,north", "null,south", "null,south"]
    );
    assert_eq!(lines(&format!("SELECT r.rep, o.id FROM crm.reps r JOIN {last} o ON r.rep = o.rep AND o.place = 1 AND r.valid_from > 2")), ["b,6"]);
    assert_eq!(lines(&format!("SELECT r.rep FROM crm.reps r LEFT ANTI JOIN {last} o ON r.rep = o.rep AND o.place = 1 AND o.id > 5 ORDER BY r.rep NULLS LAST")), ["a", "c", "null"]);
    assert_eq!(lines(&format!("SELECT r.rep FROM crm.reps r LEFT SEMI JOIN {last} o ON r.rep = o.rep AND o.place = 1 AND o.id > 5")), ["b"]);
}

#[test]
fn aggregates_of_nothing() {
    assert_eq!(
        lines(
            "SELECT count(*) AS n, count(x) AS m, count(DISTINCT x) AS d, sum(x) AS s,
                    min(x) AS a, avg(x) AS v FROM nothing"
        ),
        ["0,0,0,null,null,null"]
    );
    assert_eq!(lines("SELECT x, sum(x) AS s FROM nothing GROUP BY x"), Vec::<String>::new());
}

#[test]
fn aggregates_leave_out_nulls_and_null_is_a_group() {
    assert_eq!(
        lines(
            "SELECT rep, count(*) AS n, count(amount) AS m, sum(amount) AS s,
                    count(*) FILTER (WHERE amount > 15) AS f, sum(amount) FILTER (WHERE day > 4) AS g
             FROM orders GROUP BY rep ORDER BY rep NULLS FIRST"
        ),
        ["null,1,0,null,0,null", "a,2,2,30,1,null", "b,2,2,90,2,60", "z,1,1,40,1,null"]
    );
}

#[test]
fn distinct_counts_having_and_booleans() {
    assert_eq!(lines("SELECT count(DISTINCT rep) AS r, bool_or(amount > 50) AS o, bool_and(amount > 50) AS a FROM orders"), ["3,true,false"]);
    assert_eq!(lines("SELECT rep FROM orders GROUP BY rep HAVING count(*) > 1 ORDER BY rep NULLS LAST"), ["a", "b"]);
}

#[test]
fn in_and_not_in_have_nulls_of_sql() {
    assert_eq!(lines("SELECT id FROM orders WHERE rep IN (SELECT rep FROM crm.reps) ORDER BY id NULLS LAST"), ["1", "2", "3", "6"]);
    // The list has a null: nothing is surely outside of it.
    assert_eq!(lines("SELECT id FROM orders WHERE rep NOT IN (SELECT rep FROM crm.reps)"), Vec::<String>::new());
    assert_eq!(lines("SELECT id FROM orders WHERE rep NOT IN (SELECT rep FROM crm.reps WHERE rep IS NOT NULL)"), ["4"]);
    assert_eq!(lines("SELECT count(*) AS n FROM orders WHERE rep NOT IN (SELECT t FROM nothing)"), ["6"]);
    assert_eq!(lines("SELECT 1 IN (1, NULL) AS a, 2 IN (1, NULL) AS b, 2 NOT IN (1, NULL) AS c, 2 NOT IN (1, 3) AS d"), ["true,null,null,true"]);
}

#[test]
fn not_in_correlated_by_a_residual() {
    // Of the reps valid before the order's day: for 1 none; for 2 and 3 c and null; for 4 a, c and null;
    // for 5 and 6 all four. With nulls left out of the list: 5 has no rep, 6 is in it.
    assert_eq!(
        lines(
            "SELECT id FROM orders o WHERE rep NOT IN
               (SELECT r.rep FROM crm.reps r WHERE r.valid_from < o.day AND r.rep IS NOT NULL)
             ORDER BY id NULLS LAST"
        ),
        ["1", "2", "3", "4"]
    );
    assert_eq!(
        lines(
            "SELECT id FROM orders o WHERE rep NOT IN
               (SELECT r.rep FROM crm.reps r WHERE r.valid_from < o.day)
             ORDER BY id NULLS LAST"
        ),
        ["1"]
    );
}

#[test]
fn exists_correlated_by_equality_and_by_a_residual() {
    assert_eq!(
        lines(
            "SELECT o.id FROM orders o WHERE EXISTS
               (SELECT 1 FROM crm.reps r WHERE r.rep = o.rep AND r.valid_from <= o.day)
             ORDER BY o.id NULLS LAST"
        ),
        ["2", "6"]
    );
    assert_eq!(
        lines(
            "SELECT o.id FROM orders o WHERE NOT EXISTS (SELECT 1 FROM crm.reps r WHERE r.rep = o.rep)
             ORDER BY o.id NULLS LAST"
        ),
        ["4", "5"]
    );
    assert_eq!(
        lines(
            "SELECT id, CASE WHEN EXISTS (SELECT 1 FROM crm.reps r WHERE r.rep = o.rep) THEN 1 ELSE 0 END AS k
             FROM orders o ORDER BY id NULLS LAST"
        ),
        ["1,1", "2,1", "3,1", "4,0", "5,0", "6,1"]
    );
}

#[test]
fn scalar_subqueries_have_one_row_at_most() {
    assert_eq!(lines("SELECT id FROM orders WHERE amount = (SELECT max(amount) FROM orders)"), ["6"]);
    assert_eq!(lines("SELECT (SELECT x FROM nothing) AS x"), ["null"]);
    let many = run("SELECT (SELECT id FROM orders) AS x").unwrap();
    assert!(many.frame.collect().unwrap_err().to_string().contains("gave 6 rows"));
}

#[test]
fn unions_align_by_position() {
    assert_eq!(lines("SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2.5, 'y' ORDER BY a NULLS LAST"), ["1.0,x", "2.5,y"]);
    assert_eq!(lines("SELECT rep FROM orders UNION SELECT rep FROM crm.reps ORDER BY rep NULLS LAST"), ["a", "b", "c", "z", "null"]);
    assert_eq!(lines("SELECT DISTINCT rep FROM orders ORDER BY rep NULLS FIRST"), ["null", "a", "b", "z"]);
}
