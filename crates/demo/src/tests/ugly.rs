//! Every ugly part of life is there at the scale of the sample lake, and the company is still believable.

use std::collections::{BTreeMap, BTreeSet};

use super::lake::{Lake, flags, numbers, request, texts};
use crate::calendar::{DAY, HOUR, Month, local_day, midnight, on, weekday};
use crate::catalogue::TEAMS;
use crate::expenses::{SILENT_TEAM, silent_month};

#[test]
fn the_sample_lake_has_everything() {
    let lake = Lake::make("ugly", &request(0.02, 7));
    let bytes: u64 = lake.tables.iter().map(|table| table.bytes).sum();
    assert!(bytes < 6_000_000, "{bytes} bytes");
    orders(&lake);
    deals(&lake);
    subscriptions(&lake);
    reps(&lake);
    responses(&lake);
    nights_and_clock_changes(&lake);
    calendars(&lake);
    customers_and_answers(&lake);
    temperatures(&lake);
    expenses(&lake);
}

fn share(part: usize, whole: usize) -> usize {
    part * 1_000 / whole.max(1)
}

fn nulls<T>(values: &[Option<T>]) -> usize {
    values.iter().filter(|value| value.is_none()).count()
}

fn orders(lake: &Lake) {
    let batch = lake.read("order_lines");
    let (quantities, amounts) = (numbers(&batch, "quantity"), numbers(&batch, "amount"));
    let returned = quantities.iter().zip(&amounts).filter(|(quantity, amount)| **quantity < Some(0) && **amount < Some(0));
    assert!((10..60).contains(&share(returned.count(), batch.num_rows())));
    for column in ["customer_id", "rep_id", "location", "channel", "currency"] {
        assert!(nulls(&texts(&batch, column)) > 0, "{column}");
    }
    assert!(texts(&batch, "rep_id").iter().flatten().any(|rep| rep.starts_with("R90")));
    let currencies: BTreeSet<String> = texts(&batch, "currency").into_iter().flatten().collect();
    assert_eq!(currencies.into_iter().collect::<Vec<_>>(), ["EUR", "GBP", "KRW", "USD"]);
    assert!(texts(&batch, "location").iter().flatten().any(|place| place.starts_with("서울")));
}

fn deals(lake: &Lake) {
    let batch = lake.read("opportunities");
    let (ids, status) = (texts(&batch, "opportunity_id"), texts(&batch, "status"));
    let (created, closed) = (numbers(&batch, "created_at"), numbers(&batch, "closed_at"));
    let count = |wanted: &str| status.iter().flatten().filter(|found| *found == wanted).count();
    let (won, lost) = (count("won"), count("lost"));
    assert!((200..=350).contains(&share(won, won + lost)), "{won} won, {lost} lost");
    assert!(status.iter().zip(&closed).all(|(status, closed)| (status.as_deref() == Some("open")) == closed.is_none()));
    assert!(created.iter().zip(&closed).any(|(created, closed)| closed.is_some() && closed < created));
    let kinds: BTreeSet<String> = texts(&batch, "kind").into_iter().flatten().collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["cross_sell", "new_business", "renewal", "upsell"]);
    let amounts = numbers(&batch, "amount");
    assert!(nulls(&amounts) > 0 && amounts.contains(&Some(0)));

    let changes = lake.rows("stage_changes", &["opportunity_id", "stage", "entered_at"]);
    let lost_once: BTreeSet<_> = changes.iter().filter(|row| row[1].as_deref() == Some("closed_lost")).map(|row| row[0].clone()).collect();
    let open_again = ids.iter().zip(&status).filter(|(id, status)| status.as_deref() == Some("open") && lost_once.contains(*id));
    assert!(open_again.count() > 0, "re-opened deals");
    let moments: BTreeSet<_> = changes.iter().map(|row| (row[0].clone(), row[2].clone())).collect();
    assert!(moments.len() < changes.len(), "stages at the same instant");
}

fn subscriptions(lake: &Lake) {
    let batch = lake.read("subscriptions");
    let (customers, products) = (texts(&batch, "customer_id"), texts(&batch, "product_id"));
    let (starts, ends, prices) = (numbers(&batch, "started_on"), numbers(&batch, "ended_on"), numbers(&batch, "mrr"));
    assert!(starts.iter().zip(&ends).all(|(start, end)| end.is_none() || start < end));
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for row in 1..batch.num_rows() {
        let (before, Some(end), Some(start)) = (row - 1, ends[row - 1], starts[row]) else {
            continue;
        };
        if customers[row] != customers[before] {
            continue;
        }
        let same = products[row] == products[before];
        let found = match start - end {
            0 if !same => "moved in place",
            0 if prices[row] == prices[before] => "renewed",
            0 => "price changed",
            1..=30 if same => "short gap",
            31.. if same => "long gap",
            _ => "other family",
        };
        *seen.entry(found).or_default() += 1;
    }
    let kinds: Vec<_> = seen.keys().copied().collect();
    let expected = ["long gap", "moved in place", "price changed", "renewed", "short gap"];
    assert!(expected.iter().all(|kind| kinds.contains(kind)), "{seen:?}");
    assert!(ends.iter().flatten().any(|end| *end >= i64::from(on(2026, 1, 1))), "ends that are announced");
    assert!(nulls(&texts(&batch, "currency")) > 0);
}

fn reps(lake: &Lake) {
    let batch = lake.read("reps");
    let (from, to) = (numbers(&batch, "valid_from"), numbers(&batch, "valid_to"));
    let ids = texts(&batch, "rep_id");
    let mut moves = 0;
    for row in 1..batch.num_rows() {
        if ids[row] == ids[row - 1] {
            moves += 1;
            assert_eq!(from[row], to[row - 1]);
            let instant = from[row].unwrap();
            assert!(instant.rem_euclid(DAY) != 0, "in the middle of a day");
        } else {
            assert_eq!((from[row], to[row - 1]), (None, None));
        }
    }
    assert!(moves > 4);
    assert!(nulls(&texts(&batch, "team")) == 1);
}

fn responses(lake: &Lake) {
    let (leads, activities) = (lake.read("leads"), lake.read("activities"));
    let created: BTreeMap<String, i64> = texts(&leads, "lead_id").into_iter().flatten().zip(numbers(&leads, "created_at").into_iter().flatten()).collect();
    let (direction, automated) = (texts(&activities, "direction"), flags(&activities, "is_automated"));
    let (lead, at) = (texts(&activities, "lead_id"), numbers(&activities, "occurred_at"));
    let mut answered = BTreeSet::new();
    let mut early = BTreeSet::new();
    for row in 0..activities.num_rows() {
        let (Some(lead), Some(at)) = (&lead[row], at[row]) else {
            continue;
        };
        if at < created[lead] {
            early.insert(lead);
        } else if direction[row].as_deref() == Some("outbound") && automated[row] != Some(true) {
            answered.insert(lead);
        }
    }
    assert!((800..950).contains(&share(answered.len(), created.len())), "{} answered", answered.len());
    assert!(early.len() > 10, "imported leads");
    assert!(automated.contains(&Some(true)) && nulls(&automated) > 0);
    let kinds = texts(&activities, "kind");
    assert!(kinds.iter().zip(&direction).any(|(kind, way)| (kind.as_deref(), way.as_deref()) == (Some("call"), Some("inbound"))));
    assert!(nulls(&texts(&leads, "rep_id")) > 0 && nulls(&texts(&leads, "source")) > 0);
}

fn nights_and_clock_changes(lake: &Lake) {
    let created: Vec<i64> = numbers(&lake.read("leads"), "created_at").into_iter().flatten().collect();
    let berlin = chrono_tz::Europe::Berlin;
    let utc_day = |instant: i64| i32::try_from(instant.div_euclid(DAY)).unwrap();
    assert!(created.iter().any(|instant| local_day(berlin, *instant) != utc_day(*instant)));
    for (year, month, day) in [(2024, 3, 31), (2024, 10, 27), (2025, 3, 30), (2025, 10, 26)] {
        let change = midnight(on(year, month, day)) + HOUR;
        assert!(created.contains(&change) && created.contains(&(change - 1_000_000)));
        assert!(created.iter().any(|instant| local_day(berlin, *instant) == on(year, month, day) && utc_day(*instant) == on(year, month, day) - 1));
    }
}

fn calendars(lake: &Lake) {
    let rates = lake.read("fx_rates");
    let days: Vec<i32> = numbers(&rates, "valid_on").into_iter().flatten().map(|day| i32::try_from(day).unwrap()).collect();
    assert!(days.iter().all(|day| weekday(*day) < 5));
    let oldest = numbers(&lake.read("subscriptions"), "started_on").into_iter().flatten().min().unwrap();
    assert!(days.iter().any(|day| i64::from(*day) <= oldest), "a rate for the oldest subscription");
    let territories: BTreeSet<_> = lake.texts("holidays", "territory").into_iter().flatten().collect();
    assert_eq!(territories.len(), 4);
    let metrics: BTreeSet<_> = lake.texts("targets", "metric").into_iter().flatten().collect();
    assert_eq!(metrics.into_iter().collect::<Vec<_>>(), ["new_customers", "revenue", "won_deals"]);
}

fn customers_and_answers(lake: &Lake) {
    let customers = lake.read("customers");
    assert!(texts(&customers, "name").iter().flatten().any(|name| name.contains("한빛")));
    for column in ["segment", "industry", "territory"] {
        assert!(nulls(&texts(&customers, column)) > 0, "{column}");
    }
    let answers = lake.rows("feedback", &["customer_id", "kind", "submitted_at"]);
    let month = |text: &Option<String>| {
        let instant: i64 = text.as_ref().unwrap().parse().unwrap();
        Month::of_day(i32::try_from(instant.div_euclid(DAY)).unwrap())
    };
    let known: Vec<_> = answers.iter().filter(|row| row[0].is_some()).collect();
    let asked: BTreeSet<_> = known.iter().map(|row| (&row[0], &row[1], month(&row[2]))).collect();
    assert!(asked.len() < known.len(), "customers who answer twice");
}

fn temperatures(lake: &Lake) {
    let mut histories: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let batch = lake.read("lead_temperatures");
    for (lead, temperature) in texts(&batch, "lead_id").into_iter().zip(texts(&batch, "temperature")) {
        histories.entry(lead.unwrap()).or_default().push(temperature.unwrap());
    }
    assert!(histories.values().any(|history| history.starts_with(&["cold".into(), "warm".into(), "hot".into()])));
}

fn expenses(lake: &Lake) {
    let months: Vec<Month> = (0..24).map(|n| Month::of_day(on(2024, 1, 1)).plus(n)).collect();
    let silent = silent_month(&months).unwrap();
    let rows = lake.rows("expenses", &["expense_id", "incurred_on", "function"]);
    let of_team = format!("E{}-{}-", silent.tag(), SILENT_TEAM + 1);
    let postings: Vec<_> = rows.iter().filter(|row| row[0].as_ref().unwrap().starts_with(&of_team)).collect();
    assert!(!postings.is_empty() && postings.iter().all(|row| row[2].as_deref() == Some("sales")));
    let teams: BTreeSet<_> = lake.texts("expenses", "team").into_iter().flatten().collect();
    assert_eq!(teams.len(), TEAMS.len());
    assert!(nulls(&lake.texts("expenses", "team")) > 0);
}
