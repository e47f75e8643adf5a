"""The cells of bench/job.yml from Polars, written by hand.

    python bench/peers/polars_by_hand.py LAKE OUT [--engine streaming|in-memory]

In: LAKE, the folder of the tables' Parquet files. Out: OUT/<table>.parquet for every table of the job (bench/README.md has the columns).
It states the definitions again in Polars expressions and reads neither the project's models nor its metrics.
It is fast because every fact is read once, with the columns that are needed and texts as small categoricals, and grouped once by day for each
slice; coarser slices and longer periods add up from these cells, distinct counts too (see `distinct_by_day`).
Only medians and percentiles go back to the fact for every grain, and find it in the order of the value (see `percentiles`).
Money is exact: an amount times a rate is a whole number, rounded once per row, and sums are decimal.
"""

import argparse
import datetime
import functools
import os
import pathlib
import typing

# Polars reads it when it is imported.
os.environ["POLARS_MAX_THREADS"] = "2"

import polars as pl

TIME_ZONE = "Europe/Berlin"
AS_OF = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
# The last day that has begun at as-of in the time zone.
LAST_DAY = datetime.date(2026, 1, 1)
REPORTING_CURRENCY = "EUR"
CONSTANT_CURRENCY_DATE = datetime.date(2024, 1, 1)
SPINE_START = datetime.date(2000, 1, 1)
GRACE_DAYS = 30
CONVERSION_DAYS = 90
PERSISTENCE = datetime.timedelta(days=30)
SLA_HOURS = {"hot": 1, "warm": 8, "cold": 24}

NONE = "(none)"
FOREVER = datetime.date(9999, 12, 31)
ALWAYS = datetime.datetime(1900, 1, 1, tzinfo=datetime.UTC)
# Texts that cells are grouped by, few and small, and keys of rows, of which there are many.
TEXT = pl.Categorical(pl.Categories("texts", physical=pl.UInt16))
KEY = pl.Categorical(pl.Categories("keys", physical=pl.UInt32))
GIVEN = pl.Decimal(38, 2)
RATE = pl.Decimal(38, 8)
MONEY = pl.Decimal(38, 6)

# The length of each grain's periods, and the grain whose cells add up to its own.
LENGTHS = {"day": "1d", "week": "1w", "month": "1mo", "quarter": "1q", "year": "1y"}
PARTS = {"week": "day", "month": "day", "quarter": "month", "year": "quarter"}

# More than there are texts, or days since 1970: what makes room for one more of them in a packed key.
ROOM = 65_536

TOTAL = ()
TEAM = ("rep__team",)
REP = ("rep__team", "rep")
FAMILY = ("product__family",)
PRODUCT = ("product__family", "product")
SEGMENT = ("customer__segment",)
INDUSTRY = ("customer__industry",)
TERRITORY = ("customer__territory",)
CHANNEL = ("order_line__channel",)
LOCATION = ("order_line__location",)
SOURCE = ("lead__source",)
OFFER = ("lead__offer",)
KIND = ("activity__kind",)
BY_CUSTOMER = [TOTAL, SEGMENT, INDUSTRY, TERRITORY, SEGMENT + TERRITORY]
BY_SALES = [TOTAL, ("sales_team",), ("sales_territory",)]


# Expressions.


def period(grain, day="day"):
    """The first day of the period of a day."""
    return pl.col(day) if grain == "day" else pl.col(day).dt.truncate(LENGTHS[grain])


def local_day(instant):
    """The day of an instant in the time zone."""
    return pl.col(instant).dt.convert_time_zone(TIME_ZONE).dt.date()


def local_midnight(day):
    """The instant at which a day starts in the time zone."""
    return pl.col(day).cast(pl.Datetime("us")).dt.replace_time_zone(TIME_ZONE).dt.convert_time_zone("UTC")


def nothing(dtype=MONEY):
    """No money, which is not the same as an amount that is not known."""
    return pl.lit(0, pl.Int64).cast(dtype)


def known(column):
    """A dimension, with the text of a missing value in place of null."""
    return pl.col(column).fill_null(pl.lit(NONE, TEXT))


def total(column):
    """The sum of a column, null where every value is null."""
    return pl.when(pl.col(column).count() > 0).then(pl.col(column).sum()).alias(column)


def ratio(numerator, denominator):
    """A quotient as a double, null where the denominator is 0."""
    below = pl.col(denominator).cast(pl.Float64)
    return pl.col(numerator).cast(pl.Float64) / pl.when(below != 0).then(below)


def converted(amount, rate):
    """An amount at a rate, rounded half to even to six decimals: the product of whole numbers has ten, all of them right."""
    product = pl.col(amount).cast(GIVEN).to_physical() * pl.col(rate).to_physical()
    whole, rest = product // 10_000, product % 10_000
    up = (rest > 5_000) | ((rest == 5_000) & (whole % 2 == 1))
    return (whole + up.cast(pl.Int128)).reinterpret(dtype=MONEY)


# Tables of the lake.


def scan(lake, table):
    """A table of the lake, whose folder names carry no column."""
    return pl.scan_parquet(lake / table / "**/*.parquet", hive_partitioning=False)


def texts(*columns):
    """Columns of text as categoricals: small, and quick to group and join by."""
    return pl.col(*columns).cast(TEXT)


def keys(*columns):
    """Columns of keys as categoricals, of which there are many."""
    return pl.col(*columns).cast(KEY)


def dimension(column):
    """A column of text as a dimension, with the text of a missing value in place of null."""
    return texts(column).fill_null(pl.lit(NONE, TEXT))


def customers_of(lake):
    """The dimensions of customers, by `customer_id`."""
    dimensions = {f"customer__{name}": dimension(name) for name in ("segment", "industry", "territory")}
    return scan(lake, "customers").select(keys("customer_id"), **dimensions)


def products_of(lake):
    """Family and tier of products, by `product`."""
    return scan(lake, "products").select("tier", product=texts("product_id"), product__family=texts("family"))


def with_customer(frame, customers, names=("customer__segment", "customer__industry", "customer__territory")):
    """A fact with the dimensions of its customers."""
    joined = frame.join(customers.select("customer_id", *names), on="customer_id", how="left")
    return joined.with_columns(known(name) for name in names)


def with_family(frame, products):
    """A fact with the product and its family as dimensions."""
    families = products.select("product", "product__family")
    return frame.join(families, on="product", how="left").with_columns(known("product"), known("product__family"))


def rep_versions(lake):
    """Versions of reps in one row per rep: `team_0`, `territory_0`, `from_0`, `to_0` of the one that began last, then of the one before it."""
    versions = (
        scan(lake, "reps")
        .select(texts("rep_id", "team", "territory"), pl.col("valid_from").fill_null(ALWAYS), "valid_to")
        .sort("rep_id", "valid_from", "valid_to", "team", "territory", descending=[False, True, False, False, False], nulls_last=True)
        .collect()
        .with_columns(place=pl.int_range(pl.len()).over("rep_id"))
    )
    wide = versions.select(rep=pl.col("rep_id").unique())
    for place in range(versions["place"].max() + 1):
        columns = {
            f"{name}_{place}": column
            for name, column in (("team", "team"), ("territory", "territory"), ("from", "valid_from"), ("to", "valid_to"))
        }
        wide = wide.join(versions.filter(place=place).select(rep="rep_id", **columns), on="rep", how="left")
    return wide


def with_version(frame, versions, at, territory=False):
    """A fact with `rep` and `rep__team` of the version that is valid at an instant; with its `rep__territory` where that is asked for."""
    names = {"rep__team": "team", "rep__territory": "territory"} if territory else {"rep__team": "team"}
    places = [name.removeprefix("from_") for name in versions.columns if name.startswith("from_")]
    kept = [name for name in versions.columns if territory or not name.startswith("territory_")]

    def valid(name):
        chain = pl
        for place in places:
            holds = (pl.col(f"from_{place}") <= at) & (pl.col(f"to_{place}").is_null() | (at < pl.col(f"to_{place}")))
            chain = chain.when(holds).then(pl.col(f"{name}_{place}"))
        return chain.otherwise(None).fill_null(pl.lit(NONE, TEXT))

    joined = frame.join(versions.lazy().select(kept), on="rep", how="left")
    return joined.with_columns(known("rep"), **{name: valid(column) for name, column in names.items()}).drop(kept[1:])


def rates_of(lake):
    """Exchange rates of the days that have begun at as-of, the highest where a day has several."""
    rates = scan(lake, "fx_rates").select(texts("currency"), pl.col("rate").cast(RATE), day="valid_on")
    seen = rates.filter(pl.col("currency") != REPORTING_CURRENCY, pl.col("day") <= LAST_DAY)
    return seen.group_by("currency", "day").agg(pl.col("rate").max()).sort("currency", "day").collect()


def daily_rates(rates):
    """The rate of each currency on each day, the last one on or before it, and that of the constant-currency date; the reporting currency is 1."""
    one = pl.lit(1, pl.Int64).cast(RATE)
    days = pl.DataFrame({"day": pl.date_range(SPINE_START, LAST_DAY, eager=True)})
    currencies = rates.select(pl.col("currency").unique())
    filled = currencies.join(days, how="cross").join(rates, on=["currency", "day"], how="left").sort("currency", "day")
    constant = (
        rates.filter(pl.col("day") <= CONSTANT_CURRENCY_DATE)
        .group_by("currency", maintain_order=True)
        .agg(constant_rate=pl.col("rate").last())
    )
    others = filled.with_columns(pl.col("rate").forward_fill().over("currency")).join(constant, on="currency", how="left")
    reporting = days.select(pl.lit(REPORTING_CURRENCY, TEXT).alias("currency"), "day", rate=one, constant_rate=one)
    return pl.concat([others, reporting]).lazy()


def with_rate(frame, rates):
    """A fact with the rates of its currency on its day; an amount without a currency is in the reporting one."""
    return frame.with_columns(pl.col("currency").fill_null(pl.lit(REPORTING_CURRENCY, TEXT))).join(
        rates, on=["currency", "day"], how="left"
    )


class Lookups:
    """Small tables that many facts join, read once."""

    def __init__(self, lake):
        self.customers = customers_of(lake).collect().lazy()
        self.products = products_of(lake).collect().lazy()
        self.versions = rep_versions(lake)
        self.rates = daily_rates(rates_of(lake))


# Facts.


def order_lines(lake, lookups):
    """Order lines with every dimension that a slice asks for. Grain: one row per order line."""
    columns = scan(lake, "order_lines").filter(pl.col("ordered_at") < AS_OF)
    lines = columns.select(
        keys("order_id", "customer_id"),
        texts("currency"),
        "line_number",
        "ordered_at",
        "quantity",
        "amount",
        day=local_day("ordered_at"),
        product=texts("product_id"),
        rep=texts("rep_id"),
        order_line__location=dimension("location"),
        order_line__channel=dimension("channel"),
    )
    priced = with_rate(lines, lookups.rates)
    placed = with_version(priced, lookups.versions, pl.col("ordered_at"), territory=True)
    placed = with_family(with_customer(placed, lookups.customers, SEGMENT + TERRITORY), lookups.products)
    is_return = pl.col("quantity") < 0
    named = placed.with_columns(revenue=converted("amount", "rate"), revenue_constant_currency=converted("amount", "constant_rate"))
    return named.with_columns(
        units_sold="quantity",
        units_returned=pl.when(is_return).then(-pl.col("quantity")).otherwise(0),
        gross_sales=pl.when(is_return).then(nothing()).otherwise(pl.col("revenue")),
        returns_amount=pl.when(is_return).then(pl.col("revenue")).otherwise(nothing()),
    ).drop("amount", "rate", "constant_rate", "currency")


def closed_deals(lake, lookups):
    """Deals that were won or lost. Grain: one row per deal."""
    deals = (
        scan(lake, "opportunities")
        .filter(pl.col("created_at") < AS_OF, pl.col("closed_at") < AS_OF, pl.col("status").is_in(["won", "lost"]))
        .select(
            keys("customer_id"),
            texts("currency"),
            "opportunity_id",
            "created_at",
            "closed_at",
            "amount",
            day=local_day("closed_at"),
            is_won=pl.col("status") == "won",
            product=texts("product_id"),
            rep=texts("rep_id"),
            opportunity__kind=dimension("kind"),
        )
    )
    days = (pl.col("closed_at") - pl.col("created_at")).dt.total_microseconds() / 1_000_000 / 86_400
    priced = with_rate(deals, lookups.rates)
    priced = priced.with_columns(amount=converted("amount", "rate"), duration_days=pl.when(days >= 0).then(days))
    bucket = pl.when(pl.col("duration_days") < 15).then(pl.lit("under 15 days"))
    for limit, name in ((30, "15 to 29 days"), (60, "30 to 59 days"), (90, "60 to 89 days")):
        bucket = bucket.when(pl.col("duration_days") < limit).then(pl.lit(name))
    bucket = bucket.when(pl.col("duration_days") >= 90).then(pl.lit("90 days or more")).otherwise(pl.lit(NONE))
    bucketed = priced.with_columns(
        opportunity__cycle_bucket=bucket.cast(TEXT),
        cycle_days=pl.when("is_won").then(pl.col("duration_days")),
        deal_size=pl.when(pl.col("is_won") & (pl.col("amount") > 0)).then(pl.col("amount")),
    ).drop("currency", "rate", "created_at", "amount", "duration_days")
    return with_family(with_version(bucketed, lookups.versions, pl.col("closed_at")), lookups.products)


def human_activities(lake, lookups):
    """Activities that no machine did. Grain: one row per activity."""
    activities = (
        scan(lake, "activities")
        .filter(pl.col("occurred_at") < AS_OF, ~pl.col("is_automated").fill_null(value=False))
        .select(
            keys("lead_id"),
            "occurred_at",
            "reached",
            "personalized_elements",
            "duration_seconds",
            day=local_day("occurred_at"),
            is_outbound=pl.col("direction") == "outbound",
            is_message=pl.col("kind").is_in(["email", "message"]),
            rep=texts("rep_id"),
            activity__kind=dimension("kind"),
        )
    )
    return with_version(activities, lookups.versions, pl.col("occurred_at"))


def leads_of(lake, lookups):
    """Leads that came in before as-of. Grain: one row per lead."""
    leads = (
        scan(lake, "leads")
        .filter(pl.col("created_at") < AS_OF)
        .select(
            keys("lead_id"),
            "created_at",
            "temperature",
            converted_on=pl.when(pl.col("converted_at") < AS_OF).then(local_day("converted_at")),
            day=local_day("created_at"),
            rep=texts("rep_id"),
            **{f"lead__{name}": dimension(name) for name in ("source", "offer", "territory")},
        )
    )
    return with_version(leads, lookups.versions, pl.col("created_at"))


def touches_of(activities, leads):
    """Outbound activities with a lead, at or after its creation; a lead that is not known hides none. Grain: one row per touch."""
    outbound = activities.lazy().filter("is_outbound", pl.col("lead_id").is_not_null())
    origins = leads.lazy().select("lead_id", "created_at", "lead__source", "lead__offer")
    joined = outbound.join(origins, on="lead_id", how="left").filter(
        pl.col("created_at").is_null() | (pl.col("occurred_at") >= pl.col("created_at"))
    )
    return joined.select(
        "lead_id",
        "occurred_at",
        "created_at",
        "day",
        *REP,
        known("lead__source"),
        known("lead__offer"),
        reached=pl.col("reached").fill_null(value=False),
        reach_known=pl.col("reached").is_not_null(),
        message_elements=pl.when("is_message").then(pl.col("personalized_elements")),
    )


def temperatures_at_creation(lake, leads):
    """The temperature of every lead that has a record of it: that of the last change at or before its creation, null without one."""
    changes = scan(lake, "lead_temperatures").filter(pl.col("changed_at") < AS_OF).select(keys("lead_id"), "temperature", "changed_at")
    joined = changes.join(leads.lazy().select("lead_id", "created_at"), on="lead_id")
    is_before = pl.col("changed_at") <= pl.col("created_at")
    ordered = (
        joined.filter(is_before)
        .sort("changed_at", "temperature", descending=[True, False])
        .group_by("lead_id")
        .agg(recorded=pl.col("temperature").first())
    )
    return joined.select(pl.col("lead_id").unique()).join(ordered, on="lead_id", how="left").with_columns(is_recorded=True)


def answered_leads(lake, leads, touches):
    """Leads with their first response and what follows from it. Grain: one row per lead."""
    since = pl.col("occurred_at") - pl.col("created_at")
    responses = touches.lazy().group_by("lead_id").agg(responded_at=pl.col("occurred_at").min(), touches=(since < PERSISTENCE).sum())
    joined = leads.lazy().join(responses, on="lead_id", how="left").join(temperatures_at_creation(lake, leads), on="lead_id", how="left")
    temperature = pl.when("is_recorded").then(pl.col("recorded")).otherwise(pl.col("temperature"))
    limit = pl
    for name, hours in SLA_HOURS.items():
        limit = limit.when(temperature == name).then(pl.lit(datetime.timedelta(hours=hours)))
    response = pl.col("responded_at") - pl.col("created_at")
    age = pl.lit(AS_OF) - pl.col("created_at")
    measured = joined.with_columns(response=response, limit=limit.otherwise(None), is_contacted=pl.col("responded_at").is_not_null())
    days = (pl.col("converted_on") - pl.col("day")).dt.total_days()
    return measured.select(
        "day",
        *REP,
        "lead__source",
        "lead__offer",
        "lead__territory",
        "is_contacted",
        response_hours=pl.col("response").dt.total_microseconds() / 3_600_000_000,
        persistence_touches=pl.when(age >= PERSISTENCE).then(pl.col("touches").fill_null(0)),
        is_sla_due=pl.col("limit").is_not_null() & (pl.col("is_contacted") | (age > pl.col("limit"))),
        is_within_sla=(pl.col("response") <= pl.col("limit")).fill_null(value=False),
        is_converted=((days >= 0) & (days < CONVERSION_DAYS)).fill_null(value=False),
    )


def feedback_answers(lake, lookups):
    """Answers with the survey that they belong to. Grain: one row per answer."""
    score = pl.col("score")
    survey = pl.when((pl.col("kind") == "nps") & score.is_between(0, 10)).then(pl.lit("nps"))
    survey = survey.when((pl.col("kind") == "csat") & score.is_between(1, 5)).then(pl.lit("csat"))
    answers = (
        scan(lake, "feedback")
        .filter(pl.col("submitted_at") < AS_OF)
        .select(
            keys("customer_id"),
            "feedback_id",
            "submitted_at",
            "score",
            survey=survey,
            respondent=pl.col("customer_id").fill_null("#" + pl.col("feedback_id")).cast(KEY),
            day=local_day("submitted_at"),
            rep=texts("rep_id"),
        )
    )
    return with_customer(with_version(answers, lookups.versions, pl.col("submitted_at")), lookups.customers)


def subscriptions_of(lake):
    """Subscriptions that have started and served on a day; one that ends later still runs. Grain: one row per subscription."""
    seen = scan(lake, "subscriptions").filter(
        pl.col("started_on") <= LAST_DAY,
        pl.col("ended_on").is_null() | (pl.col("ended_on") > pl.col("started_on")),
    )
    return seen.select(
        "subscription_id",
        keys("customer_id"),
        texts("currency"),
        "mrr",
        "started_on",
        ended_on=pl.when(pl.col("ended_on") <= LAST_DAY).then(pl.col("ended_on")),
        product=texts("product_id"),
        rep=texts("rep_id"),
    )


def services_of(subscriptions, lookups):
    """Subscriptions with family, tier, MRR at the rate of their start, and the unbroken spell of the customer's service that they belong to."""
    priced = with_rate(subscriptions.with_columns(day="started_on"), lookups.rates)
    named = (
        priced.with_columns(mrr=converted("mrr", "rate")).join(lookups.products, on="product", how="left").drop("rate", "currency", "day")
    )
    until = pl.col("ended_on").fill_null(FOREVER)
    served_until = until.cum_max().shift().over("customer_id")
    is_start = (pl.col("started_on") - served_until).dt.total_days().fill_null(GRACE_DAYS + 1) > GRACE_DAYS
    ordered = named.sort("started_on", "ended_on", nulls_last=True)
    spelled = ordered.with_columns(spell=is_start.cast(pl.Int32).cum_sum().over("customer_id"))
    spell = ["customer_id", "spell"]
    return spelled.with_columns(spell_starts_on=pl.col("started_on").min().over(spell), spell_until=until.max().over(spell))


def customer_movements(services, lookups):
    """Starts (+1) and lapses (-1) of customers. Grain: one row per customer and day with a start or a lapse."""
    spells = services.lazy().select("customer_id", "spell", "spell_starts_on", "spell_until").unique()
    starts = spells.select("customer_id", day="spell_starts_on", change=pl.lit(1, pl.Int64), lapses=pl.lit(0, pl.Int64))
    lapses = spells.filter(pl.col("spell_until") < FOREVER)
    ends = lapses.select("customer_id", day="spell_until", change=pl.lit(-1, pl.Int64), lapses=pl.lit(1, pl.Int64))
    return with_customer(pl.concat([starts, ends]), lookups.customers)


def service_events(services):
    """Starts and ends of subscriptions. Grain: one row per subscription and start or end."""
    services = services.lazy()
    starts = services.with_columns(day="started_on", is_start=True, started_tier="tier", amount="mrr")
    ends = services.filter(pl.col("ended_on").is_not_null()).with_columns(
        day="ended_on", is_start=False, started_tier=pl.lit(None, pl.Int32), amount=-pl.col("mrr")
    )
    return pl.concat([starts, ends])


def mrr_changes(services, lookups):
    """What every start and end of a subscription changed in MRR. Grain: one row per subscription and start or end."""
    changes = service_events(services).filter(pl.col("customer_id").is_not_null()).select("customer_id", "product", "day", net="amount")
    return with_family(with_customer(changes, lookups.customers), lookups.products)


def mrr_movements(services, lookups):
    """Movements of MRR by kind. Grain: one row per customer, product family and day with a start or an end of service."""
    key = ["customer_id", "product__family", "day"]
    services = services.with_columns(known("product__family")).filter(pl.col("customer_id").is_not_null())
    ranked = service_events(services).sort("is_start", "tier", "subscription_id", descending=[True, True, False], nulls_last=True)
    first = ["product", "rep", "spell", "spell_starts_on", "spell_until"]
    changes = ranked.group_by(key).agg(pl.col(first).first(), pl.col("is_start", "started_tier").max(), total("amount"))
    held = services.lazy().select("customer_id", "product__family", "started_on", "ended_on", "tier")
    counts = pl.col("ended_on").is_null() | ((pl.col("day") - pl.col("ended_on")).dt.total_days() <= GRACE_DAYS)
    before = (
        changes.select(key)
        .join(held, on=["customer_id", "product__family"])
        .filter(pl.col("started_on") < pl.col("day"))
        .group_by(key)
        .agg(held_tier=pl.when(counts).then(pl.col("tier")).max(), was_held=pl.lit(value=True).first())
    )
    has_family = pl.col("product__family") != NONE
    starts_spell = pl.col("spell_starts_on") == pl.col("day")
    kind = (
        pl.when(starts_spell & (pl.col("spell") == 1)).then(pl.lit("new"))
        .when(starts_spell).then(pl.lit("reactivation"))
        .when(pl.col("spell_until") == pl.col("day")).then(pl.lit("churn"))
        .when(pl.col("is_start") & has_family & pl.col("was_held").is_null()).then(pl.lit("cross_sell"))
        .when(has_family & (pl.col("started_tier") > pl.col("held_tier"))).then(pl.lit("upsell"))
        .when(pl.col("amount") < 0).then(pl.lit("contraction"))
        .otherwise(pl.lit("expansion"))
    )  # fmt: skip
    amount = pl.col("amount")
    is_change = pl.col("kind").is_in(["upsell", "cross_sell", "expansion", "contraction"])

    def where(condition, value):
        return pl.when(condition).then(value).otherwise(nothing())

    classified = changes.join(before, on=key, how="left").with_columns(kind=kind)
    movements = classified.select(
        "customer_id",
        "product",
        "rep",
        "day",
        "kind",
        upsell_revenue=where(pl.col("kind") == "upsell", amount),
        cross_sell_revenue=where(pl.col("kind") == "cross_sell", amount),
        new_mrr=where(pl.col("kind") == "new", amount),
        expansion_mrr=where(is_change & (amount > 0), amount),
        contraction_mrr=where(is_change & (amount < 0), -amount),
        churned_mrr=where(pl.col("kind") == "churn", -amount),
    )
    placed = with_version(movements, lookups.versions, local_midnight("day"))
    return with_family(with_customer(placed, lookups.customers), lookups.products)


def first_wins(lines, deals, subscriptions, lookups):
    """The first time that a customer was won, by whom. Grain: one row per customer that was ever won."""
    sold = lines.lazy().filter(pl.col("quantity") > 0, pl.col("customer_id").is_not_null())
    first_sold = sold.filter(pl.col("ordered_at") == pl.col("ordered_at").min().over("customer_id"))
    sources = [
        subscriptions.lazy().select("customer_id", "rep", id="subscription_id", at=local_midnight("started_on"), day="started_on"),
        deals.lazy().filter("is_won").select("customer_id", "rep", id="opportunity_id", at="closed_at", day="day"),
        first_sold.select("customer_id", "rep", id=pl.format("{}#{}", "order_id", "line_number"), at="ordered_at", day="day"),
    ]
    wins = pl.concat([source.with_columns(order=pl.lit(order)) for order, source in enumerate(sources)])
    firsts = (
        wins.filter(pl.col("customer_id").is_not_null())
        .sort("at", "order", "id")
        .group_by("customer_id")
        .agg(pl.col("rep", "at", "day").first())
    )
    placed = with_customer(with_version(firsts, lookups.versions, pl.col("at"), territory=True), lookups.customers)
    return placed.with_columns(new_customers=pl.lit(1, pl.Int64)).rename({"rep__team": "sales_team", "rep__territory": "sales_territory"})


def acquisition_costs(lake, lookups):
    """Sales and marketing postings. Grain: one row per posting."""
    expenses = scan(lake, "expenses").filter(pl.col("incurred_on") <= LAST_DAY, pl.col("function").is_in(["sales", "marketing"]))
    costs = expenses.select(
        texts("currency"),
        "amount",
        day="incurred_on",
        sales_team=dimension("team"),
        sales_territory=dimension("territory"),
    )
    return with_rate(costs, lookups.rates).with_columns(acquisition_cost=converted("amount", "rate"))


def revenue_targets(lake, daily_revenue):
    """Revenue targets with what was reached, net of those of finer grain and of their parts. Grain: one row per target."""
    orders = {grain: place for place, grain in enumerate(LENGTHS)}
    slice_of = ["team", "territory"]
    row = [*slice_of, "order", "period_start"]
    given = scan(lake, "targets").filter(pl.col("metric") == "revenue", pl.col("grain").is_in(list(orders)))
    targets = (
        given.select(
            texts(*slice_of),
            "period_start",
            pl.col("target").cast(GIVEN),
            order=pl.col("grain").replace_strict(orders, return_dtype=pl.Int64),
            length=pl.col("grain").replace_strict(LENGTHS),
        )
        .group_by(row)
        .agg(pl.col("target").sum(), pl.col("length").first())
        .with_columns(period_end=pl.col("period_start").dt.offset_by(pl.col("length")))
        .drop("length")
        .collect()
    )
    days = (
        targets.with_columns(day=pl.date_ranges("period_start", "period_end", closed="left"))
        .explode("day")
        .sort("order", "period_start", descending=[False, True])
        .unique([*slice_of, "day"], keep="first", maintain_order=True)
        .with_columns(id=pl.struct(row).rank("dense"))
    )
    standing = days.group_by("id", *row, "period_end", "target").agg(starts_on=pl.col("day").min())
    coarse = standing.select("id", "order", "period_start", "period_end", *slice_of)
    finer = (
        standing.join(coarse, on=slice_of, nulls_equal=True, suffix="_coarse")
        .filter(
            pl.col("order") < pl.col("order_coarse"),
            pl.col("starts_on").is_between("period_start_coarse", "period_end_coarse", closed="left"),
        )
        .sort("order_coarse", "period_start_coarse", descending=[False, True])
        .unique("id", keep="first", maintain_order=True)
        .group_by(id="id_coarse")
        .agg(less=pl.col("target").sum())
    )
    reached = (
        days.lazy()
        .join(daily_revenue.lazy().rename({"rep__team": "of_team", "rep__territory": "of_territory"}), on="day")
        .filter(pl.col("team").is_null() | (pl.col("team") == pl.col("of_team")))
        .filter(pl.col("territory").is_null() | (pl.col("territory") == pl.col("of_territory")))
        .group_by("id")
        .agg(actual=pl.col("revenue").sum())
        .collect()
    )
    gross = (
        standing.filter(pl.col("starts_on") <= LAST_DAY)
        .join(finer, on="id", how="left")
        .join(reached, on="id", how="left")
        .select(
            "id",
            *slice_of,
            "starts_on",
            target=pl.col("target") - pl.col("less").fill_null(nothing(GIVEN)),
            actual=pl.col("actual").fill_null(nothing()),
        )
    )

    def net_of(rows, parts, belongs):
        """Rows less what their parts, which start on one of their days, have."""
        parts = parts.select("target", "actual", "starts_on", of_team="team", of_territory="territory")
        taken = days.join(parts, left_on="day", right_on="starts_on", suffix="_part").filter(belongs)
        sums = taken.group_by("id").agg(pl.col("target_part").sum(), pl.col("actual").sum().alias("actual_part"))
        return rows.join(sums, on="id", how="left").with_columns(
            target=pl.col("target") - pl.col("target_part").fill_null(nothing(GIVEN)),
            actual=pl.col("actual") - pl.col("actual_part").fill_null(nothing()),
        )

    has_team, has_territory = pl.col("team").is_not_null(), pl.col("territory").is_not_null()
    of_one = (~has_team & (pl.col("territory") == pl.col("of_territory"))) | (~has_territory & (pl.col("team") == pl.col("of_team")))
    parts = net_of(gross.filter(has_team | has_territory), gross.filter(has_team & has_territory), of_one)
    company = net_of(gross.filter(~has_team & ~has_territory), parts, ~has_team & ~has_territory)
    return pl.concat([parts, company]).select(
        day="starts_on",
        sales_team=known("team"),
        sales_territory=known("territory"),
        revenue_target=pl.col("target").cast(MONEY),
        revenue_against_target="actual",
    )


# Cells. Those of a slice are a lazy frame per grain, with the slice's dimensions, `day` (the first of the period) and the metrics.


def count(condition, name):
    """How many rows there are for which a condition holds, as an integer that is never unsigned."""
    return condition.sum().cast(pl.Int64).alias(name)


def by_day(fact, dims, sums):
    """The cells of a slice by day, from a fact."""
    return fact.lazy().group_by(*dims, "day").agg(sums)


def totals(cells, slices):
    """The sums of all columns of cells but those of their slices."""
    dimensions = {name for dims in slices for name in dims}
    return [total(name) for name in cells.columns if name != "day" and name not in dimensions]


def rolled_up(days, dims):
    """The cells of every grain, from those by day, all of whose columns are sums."""
    cells = {"day": days.lazy()}
    sums = totals(days, [dims])
    for grain, part in PARTS.items():
        cells[grain] = cells[part].group_by(*dims, period(grain)).agg(sums)
    return cells


def percentiles(ordered, dims, value, **levels):
    """Percentiles of a value in every grain, by linear interpolation.

    In: a fact without nulls in the value, ordered by it, so that each group's list is ordered and every level costs two look-ups.
    """
    values = pl.col(value)

    def at(level):
        place = (values.list.len() - 1) * level
        below = values.list.get(place.floor().cast(pl.Int64))
        return below + (values.list.get(place.ceil().cast(pl.Int64)) - below) * (place - place.floor())

    return {
        grain: ordered.lazy()
        .group_by(*dims, period(grain))
        .agg(value)
        .select(*dims, "day", **{name: at(level) for name, level in levels.items()})
        for grain in LENGTHS
    }


def distinct_by_day(rows, key, dims, name):
    """How many keys each day has that no earlier day of its period had, per grain as `<grain>_<name>`: such counts add up.

    Key, dimensions and day are packed into one integer, because sorting by one is several times quicker than by three.
    Most keys are on one day alone, which counts for every grain; only what comes again on another day is asked when it came before.
    """
    # A product decides its family, so that it need not be packed.
    packed_dims = dims[1:] if dims == PRODUCT else dims
    width = pl.Int64 if len(packed_dims) < 2 else pl.Int128
    packed = pl.col(key).to_physical().cast(width)
    for column in (*packed_dims, "day"):
        packed = packed * ROOM + pl.col(column).to_physical().cast(width)
    before = pl.col("packed").shift()
    is_again = (pl.col("packed") // ROOM == before // ROOM).fill_null(value=False)
    ordered = rows.lazy().select(*dims, "day", packed=packed).sort("packed").with_columns(before=before, is_again=is_again)
    names = {grain: f"{grain}_{name}" for grain in LENGTHS}
    first = by_day(ordered.filter(~pl.col("is_again")), dims, [pl.len().cast(pl.Int64).alias(each) for each in names.values()])
    again = ordered.filter("is_again", pl.col("packed") != pl.col("before")).with_columns(
        before=(pl.col("before") % ROOM).cast(pl.Int32).cast(pl.Date)
    )
    counts = [count(period(grain) != period(grain, "before"), each) for grain, each in names.items()]
    return by_day(pl.concat([first, by_day(again, dims, counts)]), dims, [pl.col(*names.values()).sum()])


def joined(one, other, dims, how="full"):
    """Two sets of cells beside each other."""
    return {grain: one[grain].join(other[grain], on=[*dims, "day"], how=how, coalesce=True) for grain in LENGTHS}


def balances(days, dims, names):
    """Cells of every grain, from those by day, with movements and their running sums, which are null before the first known amount.

    They are on every period from the first movement of a slice row up to as-of.
    """

    def running(name):
        so_far = pl.col(name).fill_null(0).cum_sum()
        is_known = pl.col(name).cum_count() > 0
        return pl.when(is_known.over(dims)).then(so_far.over(dims)) if dims else pl.when(is_known).then(so_far)

    cells = rolled_up(days, dims)
    for grain, moved in cells.items():
        starts = moved.group_by(dims).agg(pl.col("day").min()) if dims else moved.select(pl.col("day").min())
        periods = starts.with_columns(day=pl.date_ranges("day", LAST_DAY, LENGTHS[grain])).explode("day")
        filled = periods.join(moved, on=[*dims, "day"], how="left").sort(*dims, "day")
        cells[grain] = filled.with_columns(pl.col(names).fill_null(0), **{f"{name}_so_far": running(name) for name in names})
    return cells


class Facts:
    """The facts of a lake, and the cells of them that several tables need."""

    def __init__(self, lake, engine):
        self.engine = engine
        lookups = Lookups(lake)
        self.lines, self.deals, leads, self.activities, self.answers, subscriptions, self.costs = self.run(
            order_lines(lake, lookups),
            closed_deals(lake, lookups),
            leads_of(lake, lookups),
            human_activities(lake, lookups),
            feedback_answers(lake, lookups),
            subscriptions_of(lake),
            acquisition_costs(lake, lookups),
        )
        self.touches, services, self.wins = self.run(
            touches_of(self.activities, leads),
            services_of(subscriptions.lazy(), lookups),
            first_wins(self.lines, self.deals, subscriptions, lookups),
        )
        self.leads, self.customer_movements, self.mrr_changes, self.mrr_movements = self.run(
            answered_leads(lake, leads, self.touches),
            customer_movements(services, lookups),
            mrr_changes(services, lookups),
            mrr_movements(services, lookups),
        )
        self.targets = revenue_targets(lake, self.line_days["rep__team", "rep__territory"])

    def run(self, *frames):
        """Frames for lazy frames, run together."""
        return pl.collect_all(frames, engine=self.engine)

    def days(self, fact, slices, sums):
        """The cells by day of slices of a fact; those of a slice that another has every dimension of come from the other's."""
        fine = [dims for dims in slices if not any(set(dims) < set(other) for other in slices)]
        days = dict(zip(fine, self.run(*(by_day(fact, dims, sums) for dims in fine)), strict=True))
        coarse = {dims: min((days[other] for other in fine if set(dims) < set(other)), key=len) for dims in slices if dims not in days}
        added = self.run(*(by_day(source, dims, totals(source, slices)) for dims, source in coarse.items()))
        return days | dict(zip(coarse, added, strict=True))

    def rolled_up(self, fact, slices, sums):
        """The cells of slices of a fact that add up."""
        return {dims: rolled_up(days, dims) for dims, days in self.days(fact, slices, sums).items()}

    @functools.cached_property
    def line_days(self):
        """The sums of order lines by day, for the slices of all tables."""
        names = ["units_sold", "units_returned", "gross_sales", "returns_amount", "revenue", "revenue_constant_currency"]
        sums = [total(name) for name in names]
        placed = ("rep__team", "rep__territory")
        return self.days(
            self.lines, [TOTAL, TEAM, REP, placed, (*placed, "rep"), FAMILY, PRODUCT, CHANNEL, LOCATION, SEGMENT, TERRITORY], sums
        )

    @functools.cached_property
    def lead_cells(self):
        """The cells of leads, by dimensions, for two tables."""
        slices = [TOTAL, SOURCE, OFFER, ("lead__territory",), TEAM, REP]
        hours = "response_hours"
        touched = pl.col("persistence_touches")
        sums = [
            pl.len().cast(pl.Int64).alias("leads"),
            count(pl.col("is_contacted"), "leads_contacted"),
            count(pl.col("is_sla_due"), "sla_due"),
            count(pl.col("is_within_sla"), "within_sla"),
            count(pl.col("is_converted"), "converted"),
            pl.col(hours).sum(),
            touched.sum().cast(pl.Int64),
            count(touched.is_not_null(), "leads_in_full"),
        ]
        ordered = self.leads.filter(pl.col(hours).is_not_null()).sort(hours)
        cells = {
            dims: joined(cells, percentiles(ordered, dims, hours, median=0.5, p90=0.9), dims, "left")
            for dims, cells in self.rolled_up(self.leads, slices, sums).items()
        }
        return self.computed(cells)

    @functools.cached_property
    def customer_balances(self):
        """How many customers each slice row has, by grain, for two tables."""
        days = self.days(self.customer_movements, BY_CUSTOMER, [pl.col("change", "lapses").sum()])
        at_start = pl.col("change_so_far") - pl.col("change")
        cells = {
            dims: {
                grain: each.with_columns(customers_at_start=at_start) for grain, each in balances(moved, dims, ["change", "lapses"]).items()
            }
            for dims, moved in days.items()
        }
        return self.computed(cells)

    @functools.cached_property
    def activity_days(self):
        """The sums of activities by day, for two tables."""
        sums = [pl.len().cast(pl.Int64).alias("activities"), total("duration_seconds").cast(pl.Int64)]
        return self.days(self.activities, [TOTAL, KIND, TEAM, REP, TEAM + KIND], sums)

    def computed(self, cells):
        """Cells that several tables need, run now."""
        frames = iter(self.run(*(each for grains in cells.values() for each in grains.values())))
        return {dims: {grain: next(frames).lazy() for grain in grains} for dims, grains in cells.items()}


# Tables: each gives slice, grain and cells.


def every_grain(cells, **columns):
    """The cells of slices, one by one, with columns that follow from others."""
    for dims, grains in cells.items():
        for grain, each in grains.items():
            yield dims, grain, each.with_columns(**columns)


def sales_cycle(facts, slices):
    days = "cycle_days"
    sums = [
        count(pl.col("is_won"), "won_deals"),
        count(~pl.col("is_won"), "lost_deals"),
        pl.len().cast(pl.Int64).alias("closed_deals"),
        pl.col(days).sum(),
        count(pl.col(days).is_not_null(), "timed_deals"),
        total("deal_size"),
        count(pl.col("deal_size").is_not_null(), "sized_deals"),
    ]
    ordered = facts.deals.filter(pl.col(days).is_not_null()).sort(days)
    added = facts.rolled_up(facts.deals, slices, sums)
    cells = {dims: joined(each, percentiles(ordered, dims, days, median=0.5, p90=0.9), dims, "left") for dims, each in added.items()}
    return every_grain(
        cells,
        sales_cycle_days=ratio(days, "timed_deals"),
        sales_cycle_days_median="median",
        sales_cycle_days_p90="p90",
        win_rate=ratio("won_deals", "closed_deals"),
        average_deal_size=ratio("deal_size", "sized_deals"),
    )


def sales_volume(facts, slices):
    columns = dict.fromkeys(name for dims in slices for name in dims)
    sold = facts.lines.filter(pl.col("quantity") > 0).select("order_id", "day", *columns)
    orders = facts.run(*(distinct_by_day(sold, "order_id", dims, "orders") for dims in slices))
    for dims, counted in zip(slices, orders, strict=True):
        days = facts.line_days[dims].join(counted, on=[*dims, "day"], how="left")
        for grain, cells in rolled_up(days, dims).items():
            yield dims, grain, cells.with_columns(orders=pl.col(f"{grain}_orders").fill_null(0))


def revenue(facts, slices):
    names = ["revenue", "revenue_constant_currency"]
    return every_grain({dims: rolled_up(facts.line_days[dims].select(*dims, "day", *names), dims) for dims in slices})


def revenue_growth(facts, slices):
    for dims in slices:
        by_grain = rolled_up(facts.line_days[dims].select(*dims, "day", "revenue"), dims)
        for grain in ("month", "quarter", "year"):
            yield dims, grain, grown(by_grain[grain], dims, grain)


def grown(cells, dims, grain):
    """Cells of revenue beside those of the same period a year before."""
    is_seen = pl.col("day") <= pl.lit(LAST_DAY).dt.truncate(LENGTHS[grain])
    before = cells.select(*dims, day=pl.col("day").dt.offset_by("1y"), before="revenue").filter(is_seen)
    beside = cells.join(before, on=[*dims, "day"], how="full", coalesce=True)
    now, then = pl.col("revenue").cast(pl.Float64).fill_null(0), pl.col("before").cast(pl.Float64)
    return beside.with_columns(revenue_growth_yoy=pl.when(then > 0).then((now - then) / then))


def lead_response(facts, slices):
    return every_grain(
        {dims: facts.lead_cells[dims] for dims in slices},
        leads_contacted_rate=ratio("leads_contacted", "leads"),
        lead_response_hours=ratio("response_hours", "leads_contacted"),
        lead_response_hours_median="median",
        lead_response_hours_p90="p90",
        within_sla_rate=ratio("within_sla", "sla_due"),
        lead_conversion_rate=ratio("converted", "leads"),
    )


def four_ps(facts, slices):
    elements = pl.col("message_elements")
    sums = [
        pl.len().cast(pl.Int64).alias("touches"),
        count(pl.col("reach_known"), "reach_known"),
        count(pl.col("reached"), "reached"),
        elements.sum().cast(pl.Int64),
        count(elements.is_not_null(), "messages"),
    ]
    touches = facts.rolled_up(facts.touches, slices, sums)
    return every_grain(
        {dims: joined(touches[dims], facts.lead_cells[dims], dims) for dims in slices},
        promptness="median",
        persistence=ratio("persistence_touches", "leads_in_full"),
        personalization=ratio("message_elements", "messages"),
        reach_rate=ratio("reached", "reach_known"),
    )


def acquisition(facts, slices):
    wins = facts.rolled_up(facts.wins, slices, [pl.col("new_customers").sum()])
    costs = facts.rolled_up(facts.costs, slices, [total("acquisition_cost")])
    cells = {dims: joined(wins[dims], costs[dims], dims) for dims in slices}
    return every_grain(
        cells,
        new_customers=pl.col("new_customers").fill_null(0),
        customer_acquisition_cost=ratio("acquisition_cost", "new_customers"),
    )


def customer_growth(facts, slices):
    wins = facts.rolled_up(facts.wins, slices, [pl.col("new_customers").sum()])
    for dims in slices:
        for grain, cells in joined(facts.customer_balances[dims], wins[dims], dims).items():
            filled = cells.with_columns(pl.col("new_customers").fill_null(0))
            yield dims, grain, filled.with_columns(customer_acquisition_rate=ratio("new_customers", "customers_at_start"))


def churn(facts, slices):
    return every_grain(
        {dims: facts.customer_balances[dims] for dims in slices},
        active_customers="change_so_far",
        churned_customers="lapses",
        customer_churn_rate=ratio("lapses", "customers_at_start"),
    )


def mrr(facts, slices):
    names = ["new_mrr", "expansion_mrr", "contraction_mrr", "churned_mrr"]
    changes = facts.days(facts.mrr_changes, slices, [total("net")])
    moved = facts.rolled_up(facts.mrr_movements, slices, [total(name) for name in names])
    start = pl.col("net_so_far") - pl.col("net")
    kept = (start + pl.col("expansion_mrr") - pl.col("contraction_mrr") - pl.col("churned_mrr")).cast(pl.Float64)
    for dims in slices:
        for grain, cells in joined(balances(changes[dims], dims, ["net"]), moved[dims], dims).items():
            yield (
                dims,
                grain,
                cells.with_columns(pl.col(names).fill_null(0)).with_columns(
                    mrr="net_so_far",
                    mrr_at_start=start,
                    net_revenue_retention=pl.when(start > 0).then(kept / start.cast(pl.Float64)),
                ),
            )


def expansion(facts, slices):
    kinds = ["upsell", "cross_sell"]
    frames = []
    for dims in slices:
        days = by_day(facts.mrr_movements, dims, [total("upsell_revenue"), total("cross_sell_revenue")])
        for kind in kinds:
            moved = facts.mrr_movements.lazy().filter(pl.col("kind") == kind)
            days = days.join(distinct_by_day(moved, "customer_id", dims, kind), on=[*dims, "day"], how="left")
        frames.append(days)
    for dims, days in zip(slices, facts.run(*frames), strict=True):
        for grain, cells in rolled_up(days, dims).items():
            yield dims, grain, cells.with_columns(pl.col(f"{grain}_{kind}").fill_null(0).alias(f"{kind}_customers") for kind in kinds)


def activities(facts, slices):
    hours = pl.col("duration_seconds").cast(pl.Float64) / 3600
    added = {dims: rolled_up(facts.activity_days[dims], dims) for dims in slices}
    for dims, grain, cells in every_grain(added, selling_hours=hours):
        yield dims, grain, cells.with_columns(activities_per_hour=ratio("activities", "selling_hours"))


def productivity(facts, slices):
    worked = [facts.activity_days[REP].lazy(), facts.line_days[REP].lazy(), facts.deals.lazy().filter("is_won")]
    days = pl.concat([fact.select(*REP, "day") for fact in worked]).filter(pl.col("rep") != NONE).unique()
    reps = facts.run(*(distinct_by_day(days, "rep", dims, "reps") for dims in slices))
    deals = facts.rolled_up(facts.deals, slices, [count(pl.col("is_won"), "won_deals")])
    for dims, counted in zip(slices, reps, strict=True):
        earned = rolled_up(facts.line_days[dims].select(*dims, "day", "revenue"), dims)
        cells = joined(joined(rolled_up(counted, dims), earned, dims, "left"), deals[dims], dims, "left")
        for grain, each in cells.items():
            named = each.with_columns(active_reps=f"{grain}_reps")
            yield (
                dims,
                grain,
                named.with_columns(revenue_per_rep=ratio("revenue", "active_reps"), deals_per_rep=ratio("won_deals", "active_reps")),
            )


def feedback(facts, slices):
    latest = facts.run(latest_answers(facts.answers))[0]
    is_nps, score = pl.col("survey") == "nps", pl.col("score")
    parts = {
        "nps_answers": is_nps.cast(pl.Int64),
        "nps_balance": pl.when(is_nps & (score >= 9)).then(1).when(is_nps & (score <= 6)).then(-1).otherwise(0),
        "csat_answers": (~is_nps).cast(pl.Int64),
        "csat_satisfied": (~is_nps & (score >= 4)).cast(pl.Int64),
    }
    counted = {f"{grain}_{name}": pl.when(f"{grain}_flag").then(part).otherwise(0) for grain in LENGTHS for name, part in parts.items()}
    sums = [part.sum().cast(pl.Int64).alias(name) for name, part in counted.items()]
    answers = [pl.len().cast(pl.Int64).alias("feedback_count")]
    frames = [by_day(facts.answers, dims, answers).join(by_day(latest, dims, sums), on=[*dims, "day"], how="left") for dims in slices]
    for dims, days in zip(slices, facts.run(*frames), strict=True):
        for grain, cells in rolled_up(days, dims).items():
            yield (
                dims,
                grain,
                cells.with_columns(
                    nps=ratio(f"{grain}_nps_balance", f"{grain}_nps_answers") * 100,
                    csat=ratio(f"{grain}_csat_satisfied", f"{grain}_csat_answers"),
                ),
            )


def latest_answers(answers):
    """Answers that count, with a flag per grain where one is the respondent's latest to its survey in the period.

    Of several answers to one survey in the same instant, the one with the highest id counts.
    """
    same = ["respondent", "survey", "submitted_at"]
    ordered = (
        answers.lazy()
        .filter(pl.col("survey").is_not_null())
        .sort(pl.col("respondent").to_physical(), "survey", "submitted_at", "feedback_id")
    )

    def followed_by(names):
        return pl.all_horizontal(pl.col(name) == pl.col(name).shift(-1) for name in names).fill_null(value=False)

    counted = ordered.filter(~followed_by(same))
    is_followed = followed_by(same[:2])
    flags = {f"{grain}_flag": ~(is_followed & (period(grain) == period(grain).shift(-1)).fill_null(value=False)) for grain in LENGTHS}
    return counted.with_columns(**flags)


def targets(facts, slices):
    added = facts.rolled_up(facts.targets, slices, [pl.col("revenue_target", "revenue_against_target").sum()])
    cells = {dims: {grain: grains[grain] for grain in ("month", "quarter", "year")} for dims, grains in added.items()}
    attained = pl.when(pl.col("revenue_target") > 0).then(ratio("revenue_against_target", "revenue_target"))
    return every_grain(cells, revenue_attainment=attained)


class Table(typing.NamedTuple):
    """A table of the job: the function that makes its cells, its slices and its metrics."""

    cells: typing.Callable
    slices: list
    metrics: list


TABLES = {
    "sales_cycle": Table(
        sales_cycle,
        [TOTAL, TEAM, REP, FAMILY, ("opportunity__kind",), ("opportunity__cycle_bucket",)],
        [
            "sales_cycle_days",
            "sales_cycle_days_median",
            "sales_cycle_days_p90",
            "won_deals",
            "lost_deals",
            "closed_deals",
            "win_rate",
            "average_deal_size",
        ],
    ),
    "sales_volume": Table(
        sales_volume,
        [TOTAL, LOCATION, CHANNEL, FAMILY, PRODUCT, TERRITORY],
        ["units_sold", "units_returned", "orders", "gross_sales", "returns_amount"],
    ),
    "revenue": Table(revenue, [TOTAL, TEAM, REP, FAMILY, PRODUCT, SEGMENT, CHANNEL], ["revenue", "revenue_constant_currency"]),
    "revenue_growth": Table(revenue_growth, [TOTAL, FAMILY, PRODUCT, SEGMENT, CHANNEL], ["revenue_growth_yoy"]),
    "lead_response": Table(
        lead_response,
        [TOTAL, SOURCE, OFFER, ("lead__territory",), TEAM, REP],
        [
            "leads",
            "leads_contacted",
            "leads_contacted_rate",
            "lead_response_hours",
            "lead_response_hours_median",
            "lead_response_hours_p90",
            "within_sla_rate",
            "lead_conversion_rate",
        ],
    ),
    "four_ps": Table(four_ps, [TOTAL, TEAM, REP, SOURCE, OFFER], ["promptness", "persistence", "touches", "personalization", "reach_rate"]),
    "acquisition": Table(acquisition, BY_SALES, ["acquisition_cost", "new_customers", "customer_acquisition_cost"]),
    "customer_growth": Table(customer_growth, BY_CUSTOMER, ["new_customers", "customers_at_start", "customer_acquisition_rate"]),
    "churn": Table(churn, BY_CUSTOMER, ["active_customers", "customers_at_start", "churned_customers", "customer_churn_rate"]),
    "mrr": Table(
        mrr,
        [TOTAL, SEGMENT, TERRITORY, FAMILY, SEGMENT + FAMILY],
        ["mrr_at_start", "new_mrr", "expansion_mrr", "contraction_mrr", "churned_mrr", "mrr", "net_revenue_retention"],
    ),
    "expansion": Table(
        expansion,
        [TOTAL, PRODUCT, TEAM, REP, SEGMENT],
        ["upsell_customers", "cross_sell_customers", "upsell_revenue", "cross_sell_revenue"],
    ),
    "activities": Table(activities, [TOTAL, KIND, TEAM, REP, TEAM + KIND], ["activities", "selling_hours", "activities_per_hour"]),
    "productivity": Table(productivity, [TOTAL, TEAM, REP], ["active_reps", "revenue_per_rep", "deals_per_rep"]),
    "feedback": Table(feedback, [TOTAL, SEGMENT, TERRITORY, TEAM, REP], ["feedback_count", "nps", "csat"]),
    "targets": Table(targets, BY_SALES, ["revenue_against_target", "revenue_target", "revenue_attainment"]),
}


def rows_of(table, facts):
    """The rows of a table, as a lazy frame: its cells one after the other, with null for a dimension that is not in the slice."""
    every = dict.fromkeys(name for dims in table.slices for name in dims)
    return pl.concat(
        frame.select(
            pl.lit(grain, TEXT).alias("grain"),
            pl.lit(", ".join(dims) or "total", TEXT).alias("slice"),
            pl.col("day").alias("period_start"),
            *(pl.col(name) if name in dims else pl.lit(None, TEXT).alias(name) for name in every),
            *table.metrics,
        )
        for dims, grain, frame in table.cells(facts, table.slices)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lake", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--engine", choices=["in-memory", "streaming"], default="streaming")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    facts = Facts(options.lake, options.engine)
    for name, table in TABLES.items():
        facts.run(rows_of(table, facts))[0].write_parquet(options.out / f"{name}.parquet", compression="lz4")


if __name__ == "__main__":
    main()
