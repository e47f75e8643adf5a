"""DuckDB with SQL written by hand, as a peer in the bench.

    python bench/peers/duckdb_by_hand.py LAKE OUT

In: LAKE, a lake as `quotient demo` writes it; OUT, a folder to create.
Out: `OUT/<table>.parquet` for each table of bench/job.yml, and on stdout the seconds spent in DuckDB as one JSON line.
The SQL says what the project's models and metrics say, with the project's vars as constants; it reads neither.
It needs duckdb.

What makes it fast:
Every source is read into a table of only the columns that count, with its local day and numbers for its dimensions.
Additive parts are summed once by day and dimension, and only these day cells are rolled up to slices and longer periods.
Distinct orders, the latest answers and distinct reps are brought into an additive form first, without loss.
Only medians and percentiles go back to the rows for every slice and grain.
Cells are grouped by a number of the period and by enums, which costs a fraction of grouping by texts.
Money is counted in whole millionths of the currency, which is exact and stays in 64 bits; more than that is an error.
Statements that do not need each other run side by side, since most are too small for two threads of their own.
"""

import argparse
import concurrent.futures
import json
import pathlib
import time

import duckdb

THREADS = 2
AS_OF = "TIMESTAMPTZ '2026-01-01 00:00:00+00'"
LAST_DAY = "DATE '2026-01-01'"
FIRST_DAY = "DATE '2000-01-01'"
CONSTANT_CURRENCY_DAY = "DATE '2024-01-01'"
GRACE_DAYS = 30
CONVERSION_DAYS = 90
PERSISTENCE_US = 30 * 24 * 3_600_000_000
HOUR_US = 3_600_000_000

SETTINGS = f"""
SET GLOBAL threads = {THREADS};
SET GLOBAL external_threads = {THREADS};
SET GLOBAL TimeZone = 'Europe/Berlin';
SET GLOBAL preserve_insertion_order = false;
"""

# An amount of cents at a rate in hundred-millionths, in millionths, half to even; and millionths back as money.
MACROS = """
CREATE MACRO cents(amount) AS CAST(CAST(amount AS DECIMAL(15, 2)) * CAST(100 AS DECIMAL(3, 0)) AS BIGINT);
CREATE MACRO rounded(product) AS
    product // 10000 + CASE
        WHEN abs(product % 10000) > 5000 OR (abs(product % 10000) = 5000 AND (product // 10000) % 2 <> 0) THEN sign(product)
        ELSE 0
    END;
CREATE MACRO money(millionths) AS
    CAST(CAST(millionths AS DECIMAL(32, 0)) * CAST(0.000001 AS DECIMAL(6, 6)) AS DECIMAL(38, 6));
CREATE MACRO share(part, whole) AS CAST(part AS DOUBLE) / CAST(nullif(whole, 0) AS DOUBLE);
CREATE MACRO known(value) AS coalesce(value, '(none)');
"""

# East of Greenwich an instant is on the day of its UTC date, or on the next from the midnight within it; ICU's cast is dearer.
MIDNIGHTS = f"""
CREATE TABLE midnights AS
SELECT
    date_diff('day', DATE '1970-01-01', day) AS utc_day,
    day,
    CAST(day + 1 AS TIMESTAMPTZ) AS next_midnight
FROM (SELECT CAST(unnest(generate_series({FIRST_DAY} - 1, {LAST_DAY}, INTERVAL 1 DAY)) AS DATE) AS day);
"""

# Every period has a number, which is cheaper to group by than grain and start; a day is in one period of each grain.
PERIODS = f"""
CREATE TABLE dated AS
SELECT day, grain, period_start
FROM (FROM midnights WHERE day >= {FIRST_DAY}),
LATERAL (
    VALUES
        ('day', day),
        ('week', CAST(date_trunc('week', day) AS DATE)),
        ('month', CAST(date_trunc('month', day) AS DATE)),
        ('quarter', CAST(date_trunc('quarter', day) AS DATE)),
        ('year', CAST(date_trunc('year', day) AS DATE))
) AS starts(grain, period_start);

CREATE TYPE grain_names AS ENUM ('day', 'week', 'month', 'quarter', 'year');

CREATE TABLE starts AS
SELECT
    CAST(row_number() OVER (ORDER BY grain, period_start) AS INTEGER) AS period,
    CAST(grain AS grain_names) AS grain,
    period_start,
    lead(period_start, 1, {LAST_DAY} + 1) OVER (PARTITION BY grain ORDER BY period_start) AS next_start
FROM (SELECT DISTINCT grain, period_start FROM dated);

CREATE TABLE periods AS
SELECT day, period, next_start FROM dated JOIN starts USING (grain, period_start);
"""


def utc_day(instant):
    """The SQL for the number of the UTC date of an instant."""
    return f"epoch_us({instant}) // 86400000000"


def local_day(instant):
    """The SQL for the local day of an instant, beside the row of midnights of its UTC date."""
    return f"midnights.day + CAST({instant} >= midnights.next_midnight AS INTEGER)"


RATES = f"""
CREATE TABLE rates AS
WITH given AS (
    SELECT currency, valid_on, CAST(max(rate) * 100000000 AS BIGINT) AS rate
    FROM {{fx_rates}}
    WHERE currency <> 'EUR' AND valid_on <= {LAST_DAY}
    GROUP BY ALL
),
spans AS (
    SELECT
        currency,
        valid_on,
        lead(valid_on, 1, {LAST_DAY} + 1) OVER (PARTITION BY currency ORDER BY valid_on) AS until_on,
        rate
    FROM given
)
SELECT currency, CAST(unnest(generate_series(valid_on, until_on - 1, INTERVAL 1 DAY)) AS DATE) AS day, rate
FROM spans;

CREATE TABLE constant_rates AS
SELECT currency, rate AS constant_rate FROM rates WHERE day = {CONSTANT_CURRENCY_DAY};
"""

# Facts carry numbers for what the dimensions know, and a name only for what they do not; number 0 is an unknown one.
DIMENSIONS = """
CREATE TABLE products AS
SELECT
    CAST(row_number() OVER () AS SMALLINT) AS product_number,
    CAST(CASE WHEN family IS NULL THEN 0 ELSE dense_rank() OVER (ORDER BY family) END AS SMALLINT) AS family_number,
    product_id,
    family AS product__family,
    tier
FROM {products};

CREATE TABLE cohorts AS
SELECT CAST(row_number() OVER () AS SMALLINT) AS cohort, segment AS customer__segment, territory AS customer__territory
FROM (SELECT DISTINCT segment, territory FROM {customers});

CREATE TABLE customers AS
SELECT
    CAST(row_number() OVER () AS INTEGER) AS customer_number,
    customer_id,
    cohort,
    known(segment) AS customer__segment,
    known(industry) AS customer__industry,
    known(territory) AS customer__territory
FROM {customers}
JOIN cohorts ON segment IS NOT DISTINCT FROM customer__segment AND territory IS NOT DISTINCT FROM customer__territory;

CREATE TABLE reps AS
SELECT
    CAST(row_number() OVER () AS SMALLINT) AS version,
    rep_id,
    team AS rep__team,
    territory AS rep_territory,
    coalesce(valid_from, '-infinity') AS valid_from,
    coalesce(valid_to, 'infinity') AS valid_to
FROM {reps};
"""

LINES = f"""
CREATE TABLE places AS
SELECT CAST(row_number() OVER () AS SMALLINT) AS place, location, channel
FROM (SELECT DISTINCT location, channel FROM {{order_lines}});

CREATE TABLE lines AS
WITH seen AS (
    SELECT
        lines.*,
        {local_day("ordered_at")} AS day,
        cents(amount) AS cents,
        coalesce(currency, 'EUR') AS paid_in
    FROM {{order_lines}} AS lines
    JOIN midnights ON {utc_day("ordered_at")} = utc_day
    WHERE ordered_at < {AS_OF}
)
SELECT
    seen.day,
    seen.ordered_at,
    seen.order_id,
    seen.line_number,
    customers.customer_number,
    CASE WHEN customers.customer_number IS NULL THEN seen.customer_id END AS unknown_customer,
    reps.version,
    CASE WHEN reps.version IS NULL THEN seen.rep_id END AS unknown_rep,
    places.place,
    coalesce(products.product_number, 0) AS product_number,
    CASE WHEN products.product_number IS NULL THEN seen.product_id END AS unknown_product,
    coalesce(products.family_number, 0) AS family_number,
    coalesce(customers.cohort, 0) AS cohort,
    seen.quantity,
    CASE WHEN paid_in = 'EUR' THEN cents * 10000 ELSE rounded(cents * rates.rate) END AS amount,
    CASE WHEN paid_in = 'EUR' THEN cents * 10000 ELSE rounded(cents * constant_rates.constant_rate) END AS constant_amount
FROM seen
JOIN places
    ON seen.location IS NOT DISTINCT FROM places.location AND seen.channel IS NOT DISTINCT FROM places.channel
LEFT JOIN products ON seen.product_id = products.product_id
LEFT JOIN customers ON seen.customer_id = customers.customer_id
LEFT JOIN reps ON seen.rep_id = reps.rep_id AND seen.ordered_at >= reps.valid_from AND seen.ordered_at < reps.valid_to
LEFT JOIN rates ON seen.paid_in = rates.currency AND seen.day = rates.day
LEFT JOIN constant_rates ON seen.paid_in = constant_rates.currency;
"""

SALES_PARTS = """
    sum(quantity) AS units_sold,
    sum(CASE WHEN quantity < 0 THEN -quantity ELSE 0 END) AS units_returned,
    sum(CASE WHEN quantity < 0 THEN 0 ELSE amount END) AS gross_sales,
    sum(CASE WHEN quantity < 0 THEN amount ELSE 0 END) AS returns_amount,
    sum(amount) AS revenue,
    sum(constant_amount) AS revenue_constant_currency
"""

LINE_DAYS = f"""
CREATE TABLE place_days AS
SELECT day, known(location) AS order_line__location, known(channel) AS order_line__channel, summed.* EXCLUDE (day, place)
FROM (SELECT day, place, {SALES_PARTS} FROM lines GROUP BY day, place) AS summed
JOIN places USING (place);

CREATE TABLE product_days AS
SELECT
    day,
    known(product__family) AS product__family,
    coalesce(product_id, unknown_product, '(none)') AS product,
    summed.* EXCLUDE (day, product_number, unknown_product)
FROM (
    SELECT day, product_number, unknown_product, {SALES_PARTS} FROM lines GROUP BY day, product_number, unknown_product
) AS summed
LEFT JOIN products USING (product_number);

CREATE TABLE cohort_days AS
SELECT
    day,
    known(customer__segment) AS customer__segment,
    known(customer__territory) AS customer__territory,
    summed.* EXCLUDE (day, cohort)
FROM (SELECT day, cohort, {SALES_PARTS} FROM lines GROUP BY day, cohort) AS summed
LEFT JOIN cohorts USING (cohort);

CREATE TABLE seller_days AS
SELECT
    day,
    known(rep__team) AS rep__team,
    known(rep_territory) AS rep_territory,
    coalesce(reps.rep_id, unknown_rep, '(none)') AS rep,
    revenue,
    revenue_constant_currency
FROM (
    SELECT day, version, unknown_rep, sum(amount) AS revenue, sum(constant_amount) AS revenue_constant_currency
    FROM lines
    GROUP BY day, version, unknown_rep
) AS summed
LEFT JOIN reps USING (version);
"""

# An order whose lines of positive quantity share day, place and kind of customer counts once, by that day; it is whole.
# An order that is not whole is counted afresh in every cell.
ORDERS = """
CREATE TABLE orders AS
SELECT
    order_id,
    min(day) AS day,
    min(place) AS place,
    min(cohort) AS cohort,
    min(family_number) AS family_number,
    min(family_number) = max(family_number) AS is_of_one_family,
    min(day) = max(day) AND min(place) = max(place) AND min(cohort) = max(cohort) AS is_whole
FROM lines
WHERE quantity > 0
GROUP BY order_id;

CREATE TABLE split_orders AS
SELECT order_id FROM orders WHERE NOT is_whole;

CREATE TABLE order_days AS
SELECT
    day, known(location) AS order_line__location, known(channel) AS order_line__channel,
    NULL AS customer__territory, NULL AS product__family, NULL AS product, orders
FROM (SELECT day, place, count(*) AS orders FROM orders WHERE is_whole GROUP BY day, place)
JOIN places USING (place)
UNION ALL
SELECT day, NULL, NULL, known(customer__territory), NULL, NULL, orders
FROM (SELECT day, cohort, count(*) AS orders FROM orders WHERE is_whole GROUP BY day, cohort)
LEFT JOIN cohorts USING (cohort)
UNION ALL
SELECT day, NULL, NULL, NULL, known(product__family), NULL, orders
FROM (
    SELECT day, family_number, count(*) AS orders
    FROM (
        SELECT day, family_number FROM orders WHERE is_whole AND is_of_one_family
        UNION ALL
        SELECT any_value(day), family_number
        FROM lines
        SEMI JOIN (SELECT order_id FROM orders WHERE is_whole AND NOT is_of_one_family) AS mixed USING (order_id)
        WHERE quantity > 0
        GROUP BY order_id, family_number
    )
    GROUP BY day, family_number
)
LEFT JOIN (SELECT DISTINCT family_number, product__family FROM products) USING (family_number)
UNION ALL
SELECT day, NULL, NULL, NULL, known(product__family), coalesce(product_id, unknown_product, '(none)'), orders
FROM (
    SELECT day, product_number, unknown_product, count(*) AS orders
    FROM (
        SELECT DISTINCT order_id, day, product_number, unknown_product
        FROM lines
        ANTI JOIN split_orders USING (order_id)
        WHERE quantity > 0
    )
    GROUP BY day, product_number, unknown_product
)
LEFT JOIN products USING (product_number);

CREATE TABLE split_order_cells AS
SELECT
    period, order_line__location, order_line__channel, customer__territory, product__family, product,
    count(DISTINCT order_id) AS orders
FROM (
    SELECT
        period, order_id,
        known(location) AS order_line__location, known(channel) AS order_line__channel,
        known(customer__territory) AS customer__territory, known(product__family) AS product__family,
        coalesce(product_id, unknown_product, '(none)') AS product
    FROM lines
    SEMI JOIN split_orders USING (order_id)
    JOIN periods USING (day)
    JOIN places USING (place)
    LEFT JOIN cohorts USING (cohort)
    LEFT JOIN products USING (product_number)
    WHERE quantity > 0
)
GROUP BY GROUPING SETS (
    (period),
    (period, order_line__location),
    (period, order_line__channel),
    (period, customer__territory),
    (period, product__family),
    (period, product__family, product)
);
"""

# A touch is an activity of a human with a lead, outbound and not before the lead was created.
ACTIVITIES = f"""
CREATE TABLE seen_leads AS
SELECT
    leads.* EXCLUDE (converted_at),
    CAST(row_number() OVER () AS INTEGER) AS lead_number,
    epoch_us(created_at) AS created_us,
    {local_day("created_at")} AS day,
    CASE WHEN converted_at < {AS_OF} THEN CAST(converted_at AS DATE) END AS converted_on
FROM {{leads}} AS leads
JOIN midnights ON {utc_day("created_at")} = utc_day
WHERE created_at < {AS_OF};

CREATE TABLE activities AS
WITH seen AS (
    SELECT
        activities.*,
        {local_day("occurred_at")} AS day,
        CASE WHEN direction = 'outbound' THEN lead_id END AS touched_lead_id
    FROM {{activities}} AS activities
    JOIN midnights ON {utc_day("occurred_at")} = utc_day
    WHERE occurred_at < {AS_OF} AND NOT coalesce(is_automated, FALSE)
)
SELECT
    seen.day,
    kind,
    reps.version,
    CASE WHEN reps.version IS NULL THEN seen.rep_id END AS unknown_rep,
    lead_number,
    CASE WHEN touched_lead_id IS NOT NULL THEN coalesce(epoch_us(occurred_at) - created_us, 0) END AS after_us,
    coalesce(after_us >= 0, FALSE) AS is_touch,
    CASE WHEN is_touch THEN reached END AS reached,
    CASE WHEN is_touch AND kind IN ('email', 'message') THEN personalized_elements END AS message_elements,
    duration_seconds
FROM seen
LEFT JOIN seen_leads ON seen.touched_lead_id = seen_leads.lead_id
LEFT JOIN reps ON seen.rep_id = reps.rep_id AND occurred_at >= reps.valid_from AND occurred_at < reps.valid_to;
"""

TOUCH_PARTS = """
    count(*) FILTER (is_touch) AS touches,
    count(reached) AS known_touches,
    count(*) FILTER (reached) AS reached_touches,
    sum(message_elements) AS elements,
    count(message_elements) AS messages
"""

ACTIVITY_DAYS = f"""
CREATE TABLE active_days AS
SELECT
    day,
    known(rep__team) AS rep__team,
    coalesce(reps.rep_id, unknown_rep, '(none)') AS rep,
    summed.* EXCLUDE (day, version, unknown_rep)
FROM (
    SELECT day, version, unknown_rep, count(*) AS activities, sum(duration_seconds) AS selling_seconds, {TOUCH_PARTS}
    FROM activities
    GROUP BY day, version, unknown_rep
) AS summed
LEFT JOIN reps USING (version);

CREATE TABLE kind_days AS
SELECT
    day, known(rep__team) AS rep__team, known(kind) AS activity__kind,
    count(*) AS activities,
    sum(duration_seconds) AS selling_seconds
FROM activities
LEFT JOIN reps USING (version)
GROUP BY day, rep__team, kind;

CREATE TABLE touch_days AS
SELECT activities.day, known(source) AS lead__source, known(offer) AS lead__offer, {TOUCH_PARTS}
FROM activities
LEFT JOIN seen_leads USING (lead_number)
WHERE is_touch
GROUP BY ALL;
"""

LEADS = f"""
CREATE TABLE leads AS
WITH responses AS (
    SELECT lead_number, min(after_us) AS response_us, count(*) FILTER (after_us < {PERSISTENCE_US}) AS touches
    FROM activities
    WHERE is_touch AND lead_number IS NOT NULL
    GROUP BY lead_number
),
changes AS (
    SELECT lead_number, changes.temperature, created_us - epoch_us(changed_at) AS before_us
    FROM {{lead_temperatures}} AS changes
    JOIN seen_leads USING (lead_id)
    WHERE changed_at < {AS_OF}
),
latest AS (
    SELECT lead_number, min(before_us) FILTER (before_us >= 0) AS before_us
    FROM changes
    GROUP BY lead_number
),
temperatures AS (
    SELECT lead_number, min(changes.temperature) AS temperature
    FROM latest
    LEFT JOIN changes USING (lead_number, before_us)
    GROUP BY lead_number
),
joined AS (
    SELECT
        seen_leads.*,
        reps.rep__team,
        responses.response_us,
        coalesce(responses.touches, 0) AS touches,
        epoch_us({AS_OF}) - created_us AS age_us,
        CASE CASE WHEN temperatures.lead_number IS NULL THEN seen_leads.temperature ELSE temperatures.temperature END
            WHEN 'hot' THEN {1 * HOUR_US}
            WHEN 'warm' THEN {8 * HOUR_US}
            WHEN 'cold' THEN {24 * HOUR_US}
        END AS limit_us
    FROM seen_leads
    LEFT JOIN responses USING (lead_number)
    LEFT JOIN temperatures USING (lead_number)
    LEFT JOIN reps
        ON seen_leads.rep_id = reps.rep_id AND seen_leads.created_at >= reps.valid_from AND seen_leads.created_at < reps.valid_to
)
SELECT
    day,
    known(source) AS lead__source,
    known(offer) AS lead__offer,
    known(territory) AS lead__territory,
    known(rep__team) AS rep__team,
    known(rep_id) AS rep,
    response_us,
    coalesce(limit_us IS NOT NULL AND (response_us IS NOT NULL OR age_us > limit_us), FALSE) AS is_due,
    coalesce(response_us <= limit_us, FALSE) AS is_within,
    coalesce(converted_on >= day AND converted_on - day < {CONVERSION_DAYS}, FALSE) AS is_converted,
    CASE WHEN age_us >= {PERSISTENCE_US} THEN touches END AS persistence_touches
FROM joined;
"""

DEALS = f"""
CREATE TABLE closed_deals AS
WITH closed AS (
    SELECT
        *,
        CAST(closed_at AS DATE) AS day,
        coalesce(currency, 'EUR') AS paid_in,
        CASE WHEN closed_at >= created_at THEN epoch_us(closed_at) - epoch_us(created_at) END AS duration_us
    FROM {{opportunities}}
    WHERE created_at < {AS_OF} AND closed_at < {AS_OF} AND status IN ('won', 'lost')
),
priced AS (
    SELECT
        closed.*,
        rounded(cents(amount) * CASE WHEN paid_in = 'EUR' THEN 100000000 ELSE rates.rate END) AS value
    FROM closed
    LEFT JOIN rates ON closed.paid_in = rates.currency AND closed.day = rates.day
)
SELECT
    priced.day,
    closed_at,
    customer_id,
    opportunity_id,
    priced.rep_id,
    known(reps.rep__team) AS rep__team,
    known(priced.rep_id) AS rep,
    known(products.product__family) AS product__family,
    known(kind) AS opportunity__kind,
    CASE
        WHEN duration_us < 15 * 24 * {HOUR_US} THEN 'under 15 days'
        WHEN duration_us < 30 * 24 * {HOUR_US} THEN '15 to 29 days'
        WHEN duration_us < 60 * 24 * {HOUR_US} THEN '30 to 59 days'
        WHEN duration_us < 90 * 24 * {HOUR_US} THEN '60 to 89 days'
        WHEN duration_us >= 90 * 24 * {HOUR_US} THEN '90 days or more'
        ELSE '(none)'
    END AS opportunity__cycle_bucket,
    status = 'won' AS is_won,
    CAST(is_won AS INTEGER) AS won,
    CASE WHEN status = 'won' THEN duration_us END AS cycle_us,
    CASE WHEN status = 'won' AND value > 0 THEN value END AS deal_size
FROM priced
LEFT JOIN reps ON priced.rep_id = reps.rep_id AND closed_at >= reps.valid_from AND closed_at < reps.valid_to
LEFT JOIN products ON priced.product_id = products.product_id;
"""

# Of the answers of a respondent to a survey, one is the latest of a period where the next is not in the same period.
FEEDBACK = f"""
CREATE TABLE answers AS
WITH scaled AS (
    SELECT
        feedback_id,
        customer_id,
        coalesce(customer_id, '#' || feedback_id) AS respondent_id,
        rep_id,
        submitted_at,
        score,
        CASE
            WHEN kind = 'nps' AND score BETWEEN 0 AND 10 THEN 'nps'
            WHEN kind = 'csat' AND score BETWEEN 1 AND 5 THEN 'csat'
        END AS survey
    FROM {{feedback}}
    WHERE submitted_at < {AS_OF}
),
followed AS (
    SELECT
        *,
        CAST(submitted_at AS DATE) AS day,
        lead(submitted_at) OVER following AS next_at
    FROM scaled
    WINDOW following AS (PARTITION BY respondent_id, survey ORDER BY submitted_at, feedback_id)
)
SELECT
    day,
    coalesce(CAST(next_at AS DATE), DATE '9999-12-31') AS next_day,
    known(customers.customer__segment) AS customer__segment,
    known(customers.customer__territory) AS customer__territory,
    known(reps.rep__team) AS rep__team,
    known(followed.rep_id) AS rep,
    CASE WHEN survey = 'nps' THEN CASE WHEN score >= 9 THEN 1 WHEN score <= 6 THEN -1 ELSE 0 END END AS nps_points,
    CASE WHEN survey = 'csat' THEN CASE WHEN score >= 4 THEN 1 ELSE 0 END END AS csat_points
FROM followed
LEFT JOIN customers ON followed.customer_id = customers.customer_id
LEFT JOIN reps ON followed.rep_id = reps.rep_id AND submitted_at >= reps.valid_from AND submitted_at < reps.valid_to;
"""

# A gap of at most GRACE_DAYS between two services of a customer is no gap: a spell goes on through it.
SUBSCRIPTIONS = f"""
CREATE TABLE services AS
WITH seen AS (
    SELECT
        * REPLACE (CASE WHEN ended_on <= {LAST_DAY} THEN ended_on END AS ended_on),
        coalesce(currency, 'EUR') AS paid_in
    FROM {{subscriptions}}
    WHERE started_on <= {LAST_DAY} AND (ended_on IS NULL OR ended_on > started_on)
)
SELECT
    subscription_id,
    seen.customer_id,
    seen.product_id,
    rep_id,
    product__family AS family,
    tier,
    started_on,
    ended_on,
    rounded(cents(mrr) * CASE WHEN paid_in = 'EUR' THEN 100000000 ELSE rates.rate END) AS mrr
FROM seen
LEFT JOIN rates ON seen.paid_in = rates.currency AND seen.started_on = rates.day
LEFT JOIN products ON seen.product_id = products.product_id;

CREATE TABLE spells AS
WITH followed AS (
    SELECT
        customer_id,
        started_on,
        coalesce(ended_on, DATE '9999-12-31') AS until_on,
        max(coalesce(ended_on, DATE '9999-12-31')) OVER earlier AS served_until_on
    FROM services
    WINDOW earlier AS (
        PARTITION BY customer_id
        ORDER BY started_on, coalesce(ended_on, DATE '9999-12-31')
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),
numbered AS (
    SELECT
        *,
        count(*) FILTER (served_until_on IS NULL OR started_on - served_until_on > {GRACE_DAYS}) OVER (
            PARTITION BY customer_id ORDER BY started_on, until_on ROWS UNBOUNDED PRECEDING
        ) AS spell_number
    FROM followed
)
SELECT
    customer_id,
    spell_number,
    min(started_on) AS started_on,
    nullif(max(until_on), DATE '9999-12-31') AS ended_on
FROM numbered
GROUP BY customer_id, spell_number;

CREATE TABLE customer_days AS
WITH movements AS (
    SELECT customer_id, started_on AS day, 1 AS change, 0 AS lapses FROM spells
    UNION ALL
    SELECT customer_id, ended_on, -1, 1 FROM spells WHERE ended_on IS NOT NULL
)
SELECT
    day,
    known(customer__segment) AS customer__segment,
    known(customer__industry) AS customer__industry,
    known(customer__territory) AS customer__territory,
    sum(change) AS net_change,
    sum(lapses) AS churned_customers
FROM movements
LEFT JOIN customers USING (customer_id)
GROUP BY ALL;

CREATE TABLE mrr_days AS
WITH changes AS (
    SELECT customer_id, family, started_on AS day, mrr AS amount FROM services
    UNION ALL
    SELECT customer_id, family, ended_on, -mrr FROM services WHERE ended_on IS NOT NULL
)
SELECT
    day,
    known(customer__segment) AS customer__segment,
    known(customer__territory) AS customer__territory,
    known(family) AS product__family,
    sum(amount) AS net_new_mrr
FROM changes
LEFT JOIN customers USING (customer_id)
WHERE customer_id IS NOT NULL
GROUP BY ALL;
"""

MRR_MOVEMENTS = f"""
CREATE TABLE mrr_movements AS
WITH events AS (
    SELECT
        customer_id, known(family) AS family, started_on AS day, product_id, rep_id,
        1 AS is_start, tier, subscription_id, tier AS started_tier, mrr AS amount
    FROM services
    UNION ALL
    SELECT customer_id, known(family), ended_on, product_id, rep_id, 0, tier, subscription_id, NULL, -mrr
    FROM services
    WHERE ended_on IS NOT NULL
),
changes AS (
    SELECT
        customer_id,
        family,
        day,
        max(is_start) AS has_start,
        max(started_tier) AS started_tier,
        CAST(sum(amount) AS BIGINT) AS amount,
        arg_min(
            struct_pack(product_id := product_id, rep_id := rep_id),
            struct_pack(a := -is_start, b := coalesce(-tier, 2147483647), c := subscription_id)
        ) AS foremost
    FROM events
    WHERE customer_id IS NOT NULL
    GROUP BY customer_id, family, day
),
held AS (
    SELECT
        changes.customer_id,
        changes.family,
        changes.day,
        max(
            CASE WHEN services.ended_on IS NULL OR changes.day - services.ended_on <= {GRACE_DAYS} THEN services.tier END
        ) AS held_tier
    FROM changes
    JOIN services
        ON changes.customer_id = services.customer_id
        AND changes.family = known(services.family)
        AND services.started_on < changes.day
    GROUP BY ALL
),
classified AS (
    SELECT
        changes.*,
        CASE
            WHEN spells.started_on = changes.day AND spells.spell_number = 1 THEN 'new'
            WHEN spells.started_on = changes.day THEN 'reactivation'
            WHEN spells.ended_on = changes.day THEN 'churn'
            WHEN changes.has_start = 1 AND changes.family <> '(none)' AND held.customer_id IS NULL THEN 'cross_sell'
            WHEN changes.family <> '(none)' AND changes.started_tier > held.held_tier THEN 'upsell'
            WHEN changes.amount < 0 THEN 'contraction'
            ELSE 'expansion'
        END AS kind
    FROM changes
    JOIN spells
        ON changes.customer_id = spells.customer_id
        AND changes.day >= spells.started_on
        AND (spells.ended_on IS NULL OR changes.day <= spells.ended_on)
    LEFT JOIN held
        ON changes.customer_id = held.customer_id AND changes.family = held.family AND changes.day = held.day
)
SELECT
    classified.day,
    classified.customer_id,
    known(customers.customer__segment) AS customer__segment,
    known(customers.customer__territory) AS customer__territory,
    known(products.product__family) AS product__family,
    known(foremost.product_id) AS product,
    known(reps.rep__team) AS rep__team,
    known(foremost.rep_id) AS rep,
    kind,
    kind IN ('upsell', 'cross_sell', 'expansion', 'contraction') AS is_change,
    CASE WHEN kind = 'new' THEN amount ELSE 0 END AS new_mrr,
    CASE WHEN is_change AND amount > 0 THEN amount ELSE 0 END AS expansion_mrr,
    CASE WHEN is_change AND amount < 0 THEN -amount ELSE 0 END AS contraction_mrr,
    CASE WHEN kind = 'churn' THEN -amount ELSE 0 END AS churned_mrr,
    CASE WHEN kind = 'upsell' THEN amount ELSE 0 END AS upsell_revenue,
    CASE WHEN kind = 'cross_sell' THEN amount ELSE 0 END AS cross_sell_revenue
FROM classified
LEFT JOIN customers ON classified.customer_id = customers.customer_id
LEFT JOIN products ON foremost.product_id = products.product_id
LEFT JOIN reps
    ON foremost.rep_id = reps.rep_id
    AND CAST(classified.day AS TIMESTAMPTZ) >= reps.valid_from
    AND CAST(classified.day AS TIMESTAMPTZ) < reps.valid_to;
"""

# Only a customer's wins at its first instant are ranked: by source, then by key.
FIRST_WINS = """
CREATE TABLE first_wins AS
WITH ordering AS (
    SELECT coalesce(customers.customer_id, unknown_customer) AS customer_id, customer_number, unknown_customer, won_at
    FROM (
        SELECT customer_number, unknown_customer, min(ordered_at) AS won_at
        FROM lines
        WHERE quantity > 0
        GROUP BY customer_number, unknown_customer
    )
    LEFT JOIN customers USING (customer_number)
),
firsts AS (
    SELECT customer_id, 1 AS source, CAST(min(started_on) AS TIMESTAMPTZ) AS won_at FROM services GROUP BY customer_id
    UNION ALL
    SELECT customer_id, 2, min(closed_at) FROM closed_deals WHERE is_won GROUP BY customer_id
    UNION ALL
    SELECT customer_id, 3, won_at FROM ordering
),
wins AS (
    SELECT customer_id, min(won_at) AS won_at, arg_min(source, struct_pack(a := won_at, b := source)) AS source
    FROM firsts
    WHERE customer_id IS NOT NULL
    GROUP BY customer_id
),
ordered_first AS (
    SELECT wins.customer_id, wins.won_at, customer_number, unknown_customer
    FROM wins JOIN ordering USING (customer_id)
    WHERE source = 3
),
sellers AS (
    SELECT customer_id, wins.won_at, rep_id, subscription_id AS key
    FROM wins JOIN services USING (customer_id)
    WHERE source = 1 AND CAST(started_on AS TIMESTAMPTZ) = won_at
    UNION ALL
    SELECT customer_id, wins.won_at, rep_id, opportunity_id
    FROM wins JOIN closed_deals USING (customer_id)
    WHERE source = 2 AND is_won AND closed_at = won_at
    UNION ALL
    SELECT
        customer_id, won_at, coalesce(reps.rep_id, unknown_rep),
        order_id || '#' || CAST(line_number AS VARCHAR)
    FROM lines
    JOIN ordered_first
        ON lines.ordered_at = won_at
        AND lines.customer_number IS NOT DISTINCT FROM ordered_first.customer_number
        AND lines.unknown_customer IS NOT DISTINCT FROM ordered_first.unknown_customer
    LEFT JOIN reps USING (version)
    WHERE quantity > 0
),
won AS (
    SELECT customer_id, any_value(won_at) AS won_at, arg_min(struct_pack(id := rep_id), key).id AS rep_id
    FROM sellers
    GROUP BY customer_id
)
SELECT
    CAST(won_at AS DATE) AS day,
    known(rep__team) AS sales_team,
    known(rep_territory) AS sales_territory,
    known(customer__segment) AS customer__segment,
    known(customer__industry) AS customer__industry,
    known(customer__territory) AS customer__territory,
    count(*) AS new_customers
FROM won
LEFT JOIN customers USING (customer_id)
LEFT JOIN reps ON won.rep_id = reps.rep_id AND won_at >= reps.valid_from AND won_at < reps.valid_to
GROUP BY ALL;
"""

EXPENSES = f"""
CREATE TABLE cost_days AS
SELECT
    incurred_on AS day,
    known(team) AS sales_team,
    known(territory) AS sales_territory,
    sum(rounded(cents(amount) * CASE WHEN coalesce(expenses.currency, 'EUR') = 'EUR' THEN 100000000 ELSE rates.rate END))
        AS acquisition_cost
FROM {{expenses}} AS expenses
LEFT JOIN rates ON expenses.currency = rates.currency AND incurred_on = rates.day
WHERE function IN ('sales', 'marketing') AND incurred_on <= {LAST_DAY}
GROUP BY ALL;
"""

# A day of a target's period is its own where no finer target of the same team and territory has it; a coarser target keeps
# what the finer ones that start in its period leave over, and one for more than its parts what those leave over.
TARGETS = f"""
CREATE TABLE target_days AS
WITH summed AS (
    SELECT
        grain,
        period_start,
        team,
        territory,
        sum(target) AS target,
        list_position(['day', 'week', 'month', 'quarter', 'year'], grain) AS grain_order,
        CAST(period_start + CASE grain
            WHEN 'day' THEN INTERVAL 1 DAY
            WHEN 'week' THEN INTERVAL 7 DAYS
            WHEN 'month' THEN INTERVAL 1 MONTH
            WHEN 'quarter' THEN INTERVAL 3 MONTHS
            WHEN 'year' THEN INTERVAL 1 YEAR
        END AS DATE) AS period_end
    FROM {{targets}}
    WHERE metric = 'revenue'
    GROUP BY ALL
),
numbered AS (
    SELECT row_number() OVER () AS target_id, * FROM summed
),
dated AS (
    SELECT *, CAST(unnest(generate_series(period_start, period_end - 1, INTERVAL 1 DAY)) AS DATE) AS day FROM numbered
)
SELECT *
FROM dated
QUALIFY row_number() OVER (PARTITION BY team, territory, day ORDER BY grain_order, period_start DESC) = 1;

CREATE TABLE target_rows AS
WITH standing AS (
    SELECT
        target_id, grain_order, period_start, period_end, team, territory, target,
        min(day) AS starts_on
    FROM target_days
    GROUP BY ALL
),
finer AS (
    SELECT coarse.target_id, fine.target
    FROM standing AS fine
    JOIN standing AS coarse
        ON fine.team IS NOT DISTINCT FROM coarse.team
        AND fine.territory IS NOT DISTINCT FROM coarse.territory
        AND fine.grain_order < coarse.grain_order
        AND fine.starts_on >= coarse.period_start
        AND fine.starts_on < coarse.period_end
    QUALIFY row_number() OVER (PARTITION BY fine.target_id ORDER BY coarse.grain_order, coarse.period_start DESC) = 1
),
given AS (
    SELECT target_id, sum(target) AS target FROM finer GROUP BY target_id
),
reached AS (
    SELECT target_id, sum(revenue) AS actual
    FROM target_days
    JOIN (
        SELECT day, rep__team, rep_territory, sum(revenue) AS revenue FROM seller_days GROUP BY ALL
    ) AS actuals USING (day)
    WHERE (team IS NULL OR team = rep__team) AND (territory IS NULL OR territory = rep_territory)
    GROUP BY target_id
),
gross AS (
    SELECT
        target_id, starts_on, team, territory,
        standing.target - coalesce(given.target, 0) AS target,
        coalesce(actual, 0) AS actual
    FROM standing
    LEFT JOIN given USING (target_id)
    LEFT JOIN reached USING (target_id)
    WHERE starts_on <= {LAST_DAY}
),
of_both AS (
    SELECT days.target_id, sum(gross.target) AS target, sum(gross.actual) AS actual
    FROM gross
    JOIN target_days AS days ON gross.starts_on = days.day
    WHERE
        gross.team IS NOT NULL AND gross.territory IS NOT NULL
        AND (
            (days.team IS NULL AND gross.territory = days.territory)
            OR (days.territory IS NULL AND gross.team = days.team)
        )
    GROUP BY days.target_id
),
parts AS (
    SELECT
        gross.* REPLACE (
            gross.target - coalesce(of_both.target, 0) AS target,
            gross.actual - coalesce(of_both.actual, 0) AS actual
        )
    FROM gross
    LEFT JOIN of_both USING (target_id)
    WHERE gross.team IS NOT NULL OR gross.territory IS NOT NULL
),
of_parts AS (
    SELECT days.target_id, sum(parts.target) AS target, sum(parts.actual) AS actual
    FROM parts
    JOIN target_days AS days ON parts.starts_on = days.day
    WHERE days.team IS NULL AND days.territory IS NULL
    GROUP BY days.target_id
)
SELECT starts_on AS day, known(team) AS sales_team, known(territory) AS sales_territory, target, actual
FROM parts
UNION ALL
SELECT
    starts_on, known(team), known(territory),
    gross.target - coalesce(of_parts.target, 0),
    gross.actual - coalesce(of_parts.actual, 0)
FROM gross
LEFT JOIN of_parts USING (target_id)
WHERE gross.team IS NULL AND gross.territory IS NULL;
"""

# The tables whose values name each dimension, which makes it an enum: grouped by as a number, and written as a name.
NAMED_BY = {
    "rep__team": ["reps"],
    "rep": ["seller_days", "active_days", "leads", "closed_deals", "answers", "mrr_movements"],
    "product__family": ["products"],
    "product": ["product_days", "mrr_movements"],
    "customer__segment": ["customers"],
    "customer__industry": ["customers"],
    "customer__territory": ["customers"],
    "order_line__location": ["place_days"],
    "order_line__channel": ["place_days"],
    "activity__kind": ["kind_days"],
    "lead__source": ["leads"],
    "lead__offer": ["leads"],
    "lead__territory": ["leads"],
    "opportunity__kind": ["closed_deals"],
    "opportunity__cycle_bucket": ["closed_deals"],
    "sales_team": ["cost_days", "first_wins", "target_rows"],
    "sales_territory": ["cost_days", "first_wins", "target_rows"],
}


def names():
    """The statements that make an enum of the values of every dimension."""
    for dimension, tables in NAMED_BY.items():
        values = " UNION ".join(f"SELECT {dimension} AS name FROM {table}" for table in tables)
        yield f"CREATE TYPE {dimension}_names AS ENUM (SELECT DISTINCT known(name) FROM ({values} UNION SELECT '(none)'))"


def cells(source, metrics, *slices):
    """The query for the cells of a source with a day: metrics, which are SQL, by period and slice."""
    dimensions = list(dict.fromkeys(name for each in slices for name in each))
    sets = ", ".join(f"({', '.join(['period', *each])})" for each in slices)
    enums = ", ".join(f"CAST({name} AS {name}_names) AS {name}" for name in dimensions)
    return f"""
        SELECT period, {", ".join(dimensions)}, {metrics}
        FROM (SELECT * REPLACE ({enums}) FROM {source}) JOIN periods USING (day)
        GROUP BY GROUPING SETS ({sets})
    """


TEAM = ["rep__team"]
REP = ["rep__team", "rep"]
FAMILY = ["product__family"]
PRODUCT = ["product__family", "product"]
SEGMENT = ["customer__segment"]
SOURCE = ["lead__source"]
OFFER = ["lead__offer"]
INDUSTRY = ["customer__industry"]
KIND = ["activity__kind"]
TEAM_KIND = ["rep__team", "activity__kind"]
TERRITORY = ["customer__territory"]
CUSTOMER = ["customer__segment", "customer__territory"]
CHANNEL = ["order_line__channel"]
LOCATION = ["order_line__location"]

SALES_SUMS = """
    sum(units_sold) AS units_sold, sum(units_returned) AS units_returned, sum(orders) AS orders,
    sum(gross_sales) AS gross_sales, sum(returns_amount) AS returns_amount
"""


def with_orders(days, dimensions, condition):
    """The source of cells that has day cells of lines beside those of orders that have the dimensions."""
    return f"""(
        SELECT day, {dimensions}, units_sold, units_returned, gross_sales, returns_amount, NULL AS orders FROM {days}
        UNION ALL
        SELECT day, {dimensions}, NULL, NULL, NULL, NULL, orders FROM order_days WHERE {condition}
    )"""


BY_PLACE = with_orders("place_days", "order_line__location, order_line__channel", "order_line__location IS NOT NULL")
BY_FAMILY = with_orders("product_days", "product__family", "product__family IS NOT NULL AND product IS NULL")
BY_PRODUCT = with_orders("product_days", "product__family, product", "product IS NOT NULL")
BY_TERRITORY = with_orders("cohort_days", "customer__territory", "customer__territory IS NOT NULL")

SALES_VOLUME = f"""
WITH parts AS (
    {cells(BY_PLACE, SALES_SUMS, [], CHANNEL, LOCATION)}
    UNION ALL BY NAME
    {cells(BY_FAMILY, SALES_SUMS, FAMILY)}
    UNION ALL BY NAME
    {cells(BY_PRODUCT, SALES_SUMS, PRODUCT)}
    UNION ALL BY NAME
    {cells(BY_TERRITORY, SALES_SUMS, TERRITORY)}
)
SELECT
    parts.* REPLACE (
        CAST(units_sold AS BIGINT) AS units_sold,
        CAST(units_returned AS BIGINT) AS units_returned,
        CAST(coalesce(parts.orders, 0) + coalesce(split.orders, 0) AS BIGINT) AS orders,
        money(gross_sales) AS gross_sales,
        money(returns_amount) AS returns_amount
    )
FROM parts
LEFT JOIN split_order_cells AS split
    ON parts.period = split.period
    AND parts.order_line__location IS NOT DISTINCT FROM split.order_line__location
    AND parts.order_line__channel IS NOT DISTINCT FROM split.order_line__channel
    AND parts.product__family IS NOT DISTINCT FROM split.product__family
    AND parts.product IS NOT DISTINCT FROM split.product
    AND parts.customer__territory IS NOT DISTINCT FROM split.customer__territory
"""

REVENUE_SUMS = "money(sum(revenue)) AS revenue, money(sum(revenue_constant_currency)) AS revenue_constant_currency"

REVENUE = f"""
{cells("place_days", REVENUE_SUMS, [], CHANNEL)}
UNION ALL BY NAME
{cells("product_days", REVENUE_SUMS, FAMILY, PRODUCT)}
UNION ALL BY NAME
{cells("cohort_days", REVENUE_SUMS, SEGMENT)}
UNION ALL BY NAME
{cells("seller_days", REVENUE_SUMS, TEAM, REP)}
"""

# Growth is a matter of months and longer periods.
REVENUE_GROWTH = f"""
WITH years AS (
    SELECT earlier.period AS earlier_period, later.period
    FROM starts AS earlier
    JOIN starts AS later
        ON earlier.grain = later.grain
        AND CAST(date_trunc(CAST(earlier.grain AS VARCHAR), earlier.period_start + INTERVAL 1 YEAR) AS DATE) = later.period_start
    WHERE earlier.grain IN ('month', 'quarter', 'year')
),
merged AS (
    SELECT period, product__family, product, customer__segment, order_line__channel, revenue, NULL AS before
    FROM revenue
    JOIN starts USING (period)
    WHERE rep__team IS NULL AND grain IN ('month', 'quarter', 'year')
    UNION ALL
    SELECT years.period, product__family, product, customer__segment, order_line__channel, NULL, revenue
    FROM revenue
    JOIN years ON revenue.period = earlier_period
    WHERE rep__team IS NULL
),
summed AS (
    SELECT * EXCLUDE (revenue, before), coalesce(sum(revenue), 0) AS revenue, sum(before) AS before
    FROM merged
    GROUP BY ALL
)
SELECT
    * EXCLUDE (revenue, before),
    CASE WHEN before > 0 THEN CAST(revenue - before AS DOUBLE) / CAST(before AS DOUBLE) END AS revenue_growth_yoy
FROM summed
"""

DEAL_SLICES = ([], TEAM, REP, FAMILY, ["opportunity__kind"], ["opportunity__cycle_bucket"])

DEAL_CELLS = cells("closed_deals", """
    avg(cycle_us) AS cycle_us,
    quantile_cont(cycle_us, [0.5, 0.9]) AS quantiles,
    sum(won) AS won_deals,
    count(*) AS closed_deals,
    avg(deal_size) AS deal_size
""", *DEAL_SLICES)

DAY_US = f"{24 * HOUR_US}.0"

SALES_CYCLE = f"""
SELECT
    period, rep__team, rep, product__family, opportunity__kind, opportunity__cycle_bucket,
    cycle_us / {DAY_US} AS sales_cycle_days,
    quantiles[1] / {DAY_US} AS sales_cycle_days_median,
    quantiles[2] / {DAY_US} AS sales_cycle_days_p90,
    CAST(won_deals AS BIGINT) AS won_deals,
    CAST(closed_deals - won_deals AS BIGINT) AS lost_deals,
    closed_deals,
    share(won_deals, closed_deals) AS win_rate,
    deal_size / 1000000 AS average_deal_size
FROM deal_cells
"""

LEAD_SLICES = ([], SOURCE, OFFER, ["lead__territory"], TEAM, REP)

LEAD_CELLS = cells("leads", """
    count(*) AS leads,
    count(response_us) AS leads_contacted,
    avg(response_us) AS response_us,
    quantile_cont(response_us, [0.5, 0.9]) AS quantiles,
    share(count(*) FILTER (is_within), count(*) FILTER (is_due)) AS within_sla_rate,
    share(count(*) FILTER (is_converted), count(*)) AS lead_conversion_rate,
    share(sum(persistence_touches), count(persistence_touches)) AS persistence
""", *LEAD_SLICES)

LEAD_RESPONSE = f"""
SELECT
    period, lead__source, lead__offer, lead__territory, rep__team, rep,
    leads,
    leads_contacted,
    share(leads_contacted, leads) AS leads_contacted_rate,
    response_us / {HOUR_US}.0 AS lead_response_hours,
    quantiles[1] / {HOUR_US}.0 AS lead_response_hours_median,
    quantiles[2] / {HOUR_US}.0 AS lead_response_hours_p90,
    within_sla_rate,
    lead_conversion_rate
FROM lead_cells
"""

TOUCH_SUMS = """
    sum(touches) AS touches, sum(known_touches) AS known_touches, sum(reached_touches) AS reached_touches,
    sum(elements) AS elements, sum(messages) AS messages
"""

FOUR_PS = f"""
WITH touched AS (
    {cells("(FROM active_days WHERE touches > 0)", TOUCH_SUMS, [], TEAM, REP)}
    UNION ALL BY NAME
    {cells("touch_days", TOUCH_SUMS, SOURCE, OFFER)}
),
merged AS (
    SELECT
        period, rep__team, rep, lead__source, lead__offer,
        quantiles[1] / {HOUR_US}.0 AS promptness, persistence
    FROM lead_cells
    WHERE lead__territory IS NULL
    UNION ALL BY NAME
    SELECT
        period, rep__team, rep, lead__source, lead__offer,
        touches, share(elements, messages) AS personalization, share(reached_touches, known_touches) AS reach_rate
    FROM touched
)
SELECT
    period, rep__team, rep, lead__source, lead__offer,
    max(promptness) AS promptness,
    max(persistence) AS persistence,
    CAST(max(touches) AS BIGINT) AS touches,
    max(personalization) AS personalization,
    max(reach_rate) AS reach_rate
FROM merged
GROUP BY ALL
"""

ACTIVITY_SUMS = """
    CAST(sum(activities) AS BIGINT) AS activities,
    sum(selling_seconds) / 3600.0 AS selling_hours,
    share(sum(activities) * 3600, sum(selling_seconds)) AS activities_per_hour
"""

ACTIVITIES_TABLE = f"""
{cells("kind_days", ACTIVITY_SUMS, [], KIND, TEAM, TEAM_KIND)}
UNION ALL BY NAME
{cells("active_days", ACTIVITY_SUMS, REP)}
"""

PRODUCTIVITY = f"""
WITH worked AS (
    SELECT day, rep__team, rep FROM active_days
    UNION
    SELECT day, rep__team, rep FROM seller_days
    UNION
    SELECT day, rep__team, rep FROM closed_deals WHERE is_won
),
sellers AS (
    {cells("(FROM worked WHERE rep <> '(none)')", "CAST(1 AS BIGINT) AS active_reps", REP)}
),
active AS (
    FROM sellers
    UNION ALL BY NAME
    SELECT period, rep__team, count(DISTINCT rep) AS active_reps
    FROM sellers
    GROUP BY GROUPING SETS ((period), (period, rep__team))
)
SELECT
    active.*,
    share(revenue, active_reps) AS revenue_per_rep,
    share(won_deals, active_reps) AS deals_per_rep
FROM active
LEFT JOIN (
    FROM revenue WHERE product__family IS NULL AND customer__segment IS NULL AND order_line__channel IS NULL
) AS revenue
    ON active.period = revenue.period
    AND active.rep__team IS NOT DISTINCT FROM revenue.rep__team
    AND active.rep IS NOT DISTINCT FROM revenue.rep
LEFT JOIN (
    FROM deal_cells
    WHERE product__family IS NULL AND opportunity__kind IS NULL AND opportunity__cycle_bucket IS NULL
) AS deals
    ON active.period = deals.period
    AND active.rep__team IS NOT DISTINCT FROM deals.rep__team
    AND active.rep IS NOT DISTINCT FROM deals.rep
"""

FEEDBACK_SLICES = ([], SEGMENT, TERRITORY, TEAM, REP)

FEEDBACK_TABLE = cells("answers", """
    count(*) AS feedback_count,
    100 * avg(nps_points) FILTER (next_day >= next_start) AS nps,
    avg(csat_points) FILTER (next_day >= next_start) AS csat
""", *FEEDBACK_SLICES)


def balance(moved, change, balance, dimensions):
    """The query that gives cells of movements a row in every period from the first, with the balance at its end."""
    names = ", ".join(dimensions)
    same = " AND ".join(f"moved.{name} IS NOT DISTINCT FROM rows.{name}" for name in dimensions)
    return f"""
        WITH rows AS (
            SELECT row_number() OVER () AS number, *
            FROM (
                SELECT grain, {names}, min(period) AS first_period
                FROM {moved} JOIN starts USING (period)
                GROUP BY ALL
            )
        )
        SELECT
            starts.period,
            rows.* EXCLUDE (number, grain, first_period),
            moved.* EXCLUDE (period, {names}),
            sum({change}) OVER (PARTITION BY number ORDER BY starts.period ROWS UNBOUNDED PRECEDING) AS {balance}
        FROM rows
        JOIN starts ON rows.grain = starts.grain AND starts.period >= rows.first_period
        LEFT JOIN {moved} AS moved ON starts.period = moved.period AND {same}
    """


CUSTOMER_SLICES = ([], SEGMENT, INDUSTRY, TERRITORY, CUSTOMER)

CUSTOMER_CELLS = cells(
    "customer_days", "sum(net_change) AS net_change, sum(churned_customers) AS churned_customers", *CUSTOMER_SLICES
)

CHURN = """
SELECT
    period, customer__segment, customer__industry, customer__territory,
    CAST(active_customers AS BIGINT) AS active_customers,
    CAST(active_customers - coalesce(net_change, 0) AS BIGINT) AS customers_at_start,
    CAST(coalesce(churned_customers, 0) AS BIGINT) AS churned_customers,
    share(coalesce(churned_customers, 0), active_customers - coalesce(net_change, 0)) AS customer_churn_rate
FROM customer_balances
"""

CUSTOMER_GROWTH = f"""
WITH merged AS (
    {cells("first_wins", "sum(new_customers) AS new_customers", *CUSTOMER_SLICES)}
    UNION ALL BY NAME
    SELECT
        period, customer__segment, customer__industry, customer__territory,
        active_customers - coalesce(net_change, 0) AS customers_at_start
    FROM customer_balances
)
SELECT
    period, customer__segment, customer__industry, customer__territory,
    CAST(coalesce(sum(new_customers), 0) AS BIGINT) AS new_customers,
    CAST(max(customers_at_start) AS BIGINT) AS customers_at_start,
    share(coalesce(sum(new_customers), 0), max(customers_at_start)) AS customer_acquisition_rate
FROM merged
GROUP BY ALL
"""

MRR_SLICES = ([], SEGMENT, TERRITORY, FAMILY, ["customer__segment", "product__family"])

MRR_SUMS = """
    sum(new_mrr) AS new_mrr, sum(expansion_mrr) AS expansion_mrr,
    sum(contraction_mrr) AS contraction_mrr, sum(churned_mrr) AS churned_mrr
"""

MRR_CELLS = cells("mrr_days", "sum(net_new_mrr) AS net_new_mrr", *MRR_SLICES)

MRR = f"""
WITH merged AS (
    {cells("mrr_movements", MRR_SUMS, *MRR_SLICES)}
    UNION ALL BY NAME
    SELECT
        period, customer__segment, customer__territory, product__family,
        mrr, mrr - coalesce(net_new_mrr, 0) AS mrr_at_start
    FROM mrr_balances
),
summed AS (
    SELECT
        period, customer__segment, customer__territory, product__family,
        max(mrr_at_start) AS mrr_at_start,
        coalesce(sum(new_mrr), 0) AS new_mrr,
        coalesce(sum(expansion_mrr), 0) AS expansion_mrr,
        coalesce(sum(contraction_mrr), 0) AS contraction_mrr,
        coalesce(sum(churned_mrr), 0) AS churned_mrr,
        max(mrr) AS mrr
    FROM merged
    GROUP BY ALL
)
SELECT
    period, customer__segment, customer__territory, product__family,
    money(mrr_at_start) AS mrr_at_start,
    money(new_mrr) AS new_mrr,
    money(expansion_mrr) AS expansion_mrr,
    money(contraction_mrr) AS contraction_mrr,
    money(churned_mrr) AS churned_mrr,
    money(mrr) AS mrr,
    CASE
        WHEN mrr_at_start > 0 THEN share(mrr_at_start + expansion_mrr - contraction_mrr - churned_mrr, mrr_at_start)
    END AS net_revenue_retention
FROM summed
"""

EXPANSION_SLICES = ([], PRODUCT, TEAM, REP, SEGMENT)

EXPANSION_SUMS = "sum(upsell_revenue) AS upsell_revenue, sum(cross_sell_revenue) AS cross_sell_revenue"

# Few movements are of these kinds, so that only they pay for counting distinctly.
EXPANSION_COUNTS = """
    count(DISTINCT customer_id) FILTER (kind = 'upsell') AS upsell_customers,
    count(DISTINCT customer_id) FILTER (kind = 'cross_sell') AS cross_sell_customers
"""

EXPANSION = f"""
WITH merged AS (
    {cells("mrr_movements", EXPANSION_SUMS, *EXPANSION_SLICES)}
    UNION ALL BY NAME
    {cells("(FROM mrr_movements WHERE kind IN ('upsell', 'cross_sell'))", EXPANSION_COUNTS, *EXPANSION_SLICES)}
)
SELECT
    period, product__family, product, rep__team, rep, customer__segment,
    coalesce(max(upsell_customers), 0) AS upsell_customers,
    coalesce(max(cross_sell_customers), 0) AS cross_sell_customers,
    money(max(upsell_revenue)) AS upsell_revenue,
    money(max(cross_sell_revenue)) AS cross_sell_revenue
FROM merged
GROUP BY ALL
"""

SALES_SLICES = ([], ["sales_team"], ["sales_territory"])

ACQUISITION = f"""
WITH merged AS (
    {cells("cost_days", "sum(acquisition_cost) AS acquisition_cost", *SALES_SLICES)}
    UNION ALL BY NAME
    {cells("first_wins", "sum(new_customers) AS new_customers", *SALES_SLICES)}
),
summed AS (
    SELECT
        period, sales_team, sales_territory,
        sum(acquisition_cost) AS acquisition_cost,
        coalesce(sum(new_customers), 0) AS new_customers
    FROM merged
    GROUP BY ALL
)
SELECT
    period, sales_team, sales_territory,
    money(acquisition_cost) AS acquisition_cost,
    CAST(new_customers AS BIGINT) AS new_customers,
    share(acquisition_cost, new_customers) / 1000000 AS customer_acquisition_cost
FROM summed
"""

TARGET_PARTS = """
    money(sum(actual)) AS revenue_against_target,
    CAST(sum(target) AS DECIMAL(38, 6)) AS revenue_target,
    CASE WHEN sum(target) > 0 THEN CAST(sum(actual) AS DOUBLE) / 1000000 / CAST(sum(target) AS DOUBLE) END AS revenue_attainment
"""

TARGETS_TABLE = f"""
{cells("target_rows", TARGET_PARTS, *SALES_SLICES)}
HAVING period IN (SELECT period FROM starts WHERE grain IN ('month', 'quarter', 'year'))
"""

# Statements that may run side by side, stage after stage; within a stage the longest come first.
FACTS = [
    [SETTINGS],
    [MACROS + MIDNIGHTS],
    [PERIODS, DIMENSIONS, RATES],
    [
        LINES + LINE_DAYS + ORDERS,
        ACTIVITIES + ACTIVITY_DAYS + LEADS,
        SUBSCRIPTIONS + MRR_MOVEMENTS,
        DEALS,
        FEEDBACK,
        EXPENSES,
    ],
    [FIRST_WINS, TARGETS],
]

CUSTOMER_BALANCES = balance(
    "customer_cells", "net_change", "active_customers", ["customer__segment", "customer__industry", "customer__territory"]
)
MRR_BALANCES = balance(
    "mrr_cells", "net_new_mrr", "mrr", ["customer__segment", "customer__territory", "product__family"]
)

# Cells that more than one table reads.
SHARED = [
    f"CREATE TABLE lead_cells AS {LEAD_CELLS}",
    f"CREATE TABLE deal_cells AS {DEAL_CELLS}",
    f"CREATE TABLE revenue AS {REVENUE}",
    f"CREATE TABLE customer_cells AS {CUSTOMER_CELLS}; CREATE TABLE customer_balances AS {CUSTOMER_BALANCES}",
    f"CREATE TABLE mrr_cells AS {MRR_CELLS}; CREATE TABLE mrr_balances AS {MRR_BALANCES}",
]

# The slices of each table, and the query for its cells.
TABLES = {
    "sales_cycle": (DEAL_SLICES, SALES_CYCLE),
    "sales_volume": (([], LOCATION, CHANNEL, FAMILY, PRODUCT, TERRITORY), SALES_VOLUME),
    "revenue": (([], TEAM, REP, FAMILY, PRODUCT, SEGMENT, CHANNEL), "FROM revenue"),
    "revenue_growth": (([], FAMILY, PRODUCT, SEGMENT, CHANNEL), REVENUE_GROWTH),
    "lead_response": (LEAD_SLICES, LEAD_RESPONSE),
    "four_ps": (([], TEAM, REP, SOURCE, OFFER), FOUR_PS),
    "acquisition": (SALES_SLICES, ACQUISITION),
    "customer_growth": (CUSTOMER_SLICES, CUSTOMER_GROWTH),
    "churn": (CUSTOMER_SLICES, CHURN),
    "mrr": (MRR_SLICES, MRR),
    "expansion": (EXPANSION_SLICES, EXPANSION),
    "activities": (([], KIND, TEAM, REP, TEAM_KIND), ACTIVITIES_TABLE),
    "productivity": (([], TEAM, REP), PRODUCTIVITY),
    "feedback": (FEEDBACK_SLICES, FEEDBACK_TABLE),
    "targets": (SALES_SLICES, TARGETS_TABLE),
}

SOURCES = [
    "activities", "customers", "expenses", "feedback", "fx_rates", "lead_temperatures", "leads", "opportunities",
    "order_lines", "products", "reps", "subscriptions", "targets",
]


def label(slices):
    """The SQL for the name of a cell's slice, which is told by the dimensions that the cell has."""
    names = []
    for each in sorted(slices, key=len, reverse=True):
        condition = " AND ".join(f"{name} IS NOT NULL" for name in each)
        names.append(f"WHEN {condition} THEN '{', '.join(each)}'" if each else "ELSE 'total'")
    return f"CASE {' '.join(names)} END"


def stages(sources, out):
    """The stages of statements that make the facts, and those that make the tables."""
    facts = [[text.format(**sources) for text in stage] for stage in FACTS]
    tables = []
    for name, (slices, query) in TABLES.items():
        columns = f"grain, {label(slices)} AS slice, period_start, cells.* EXCLUDE (period)"
        dated = f"SELECT {columns} FROM ({query}) AS cells JOIN starts USING (period)"
        tables.append(f"COPY ({dated}) TO '{out / name}.parquet' (FORMAT parquet)")
    return [*facts, list(names())], [SHARED, tables]


def run(connection, pool, stages):
    """Runs stage after stage, the statements of each side by side; gives the seconds."""
    begun = time.perf_counter()
    for statements in stages:
        list(pool.map(lambda statement: connection.cursor().execute(statement), statements))
    return round(time.perf_counter() - begun, 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lake", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    sources = {
        name: f"read_parquet('{options.lake / name}/**/*.parquet', hive_partitioning = false)" for name in SOURCES
    }
    facts, tables = stages(sources, options.out)
    with duckdb.connect() as connection, concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        seconds = {"facts": run(connection, pool, facts), "tables": run(connection, pool, tables)}
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
