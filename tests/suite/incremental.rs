//! Incremental runs: whatever comes, changes, goes or is defined anew, the results are those of a run that computes everything.
//!
//! A lake of the demo company arrives file by file, in an order and with mishaps that a seed decides; after every step an incremental run
//! and a run into an empty folder must leave the same rows.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;
use harness::{Results, demo_lake, files_below, packaged};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use quotient_jobs::{Again, AtOnce, BackfillRequest, ChunkOrder, Reason, RunSummary, Silent, Workspace};
use quotient_model::Grain;
use tempfile::TempDir;

/// Facts of every family, by day, month and year, in total and by a dimension.
const JOB: &str = "
name: everything
results: \"{{ env_var('QUOTIENT_RESULTS') }}\"
periods: {grains: [day, month, year]}
tables:
  - {name: sales, metrics: [revenue, units_sold, orders, revenue_growth, revenue_ytd, revenue_trailing_12m, revenue_constant_currency], slices: [[], [rep__team], [product__family]]}
  - {name: deals, metrics: [won_deals, win_rate, sales_cycle_days_median, average_deal_size], slices: [[], [rep__team], [opportunity__kind]]}
  - {name: pipeline, metrics: [open_opportunities, open_pipeline_amount], slices: [[], [customer__segment], [deal__kind]]}
  - {name: response, metrics: [lead_response_hours_median, within_sla_rate, leads_never_contacted], slices: [[], [lead__source]]}
  - {name: new_business, metrics: [new_customers, customer_acquisition_cost, sales_efficiency], slices: [[], [sales_team]]}
  - {name: customers, metrics: [active_customers, churned_customers, customer_churn_rate, customers_lost_net], slices: [[], [customer__segment]]}
  - {name: recurring, metrics: [mrr, net_revenue_retention, upsell_revenue], slices: [[], [product__family]]}
  - {name: voices, metrics: [nps, csat], slices: [[], [rep__team]]}
  - {name: work, metrics: [revenue_per_rep, activities, contacted_customers], slices: [[], [rep__team]]}
  - {name: aims, metrics: [revenue_attainment, revenue_pace], slices: [[]]}
  - {name: contact, metrics: [touches, personalization], slices: [[], [touch__kind], [lead__source]]}
  - {name: warming, metrics: [warmed_leads, lead_warming_days_median], slices: [[], [lead__offer]]}
  - {name: stages, metrics: [running_stage_visits, stage_days_median], slices: [[]]}
  - {name: together, metrics: [attach_rate, customers_with_both], slices: [[product, attach_pair__attached_product]]}
";

/// What a row of a result says beside who computed it, and when.
const STAMPS: [&str; 2] = ["run_id", "computed_at"];

/// Numbers that a seed decides.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

struct World {
    folder: TempDir,
    /// Every file of the company, by its path in the lake.
    company: Vec<(String, PathBuf)>,
    as_of: String,
    vars: BTreeMap<String, String>,
    /// The file of the job.
    job: &'static str,
    /// Rows that are read at once, where it is not what a run takes by itself.
    rows_at_once: Option<u64>,
}

impl World {
    fn new(as_of: &str) -> Self {
        let folder = TempDir::new().unwrap();
        demo_lake(&folder.path().join("company"));
        let company = files_below(&folder.path().join("company"));
        fs::write(folder.path().join("job.yml"), JOB).unwrap();
        // Without the slices by something joined, and without some metrics.
        let narrow = JOB.replace(", [customer__segment]", "").replace(", [rep__team]", "").replace(", win_rate", "").replace(", csat", "");
        assert_ne!(narrow, JOB);
        fs::write(folder.path().join("narrow.yml"), narrow).unwrap();
        Self { folder, company, as_of: as_of.to_owned(), vars: BTreeMap::new(), job: "job.yml", rows_at_once: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn arrive(&self, at: usize) {
        let (name, from) = &self.company[at];
        let to = self.path("lake").join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        // A file that comes anew is another version, even where its bytes are the same.
        fs::remove_file(&to).ok();
        fs::copy(from, &to).unwrap();
    }

    fn leave(&self, at: usize) {
        fs::remove_file(self.path("lake").join(&self.company[at].0)).ok();
    }

    /// A file loses the rows of its second half.
    fn shrink(&self, at: usize) {
        let file = self.path("lake").join(&self.company[at].0);
        if file.exists() {
            let all = rows_of(&file);
            write_rows(&file, &all.slice(0, all.num_rows().div_ceil(2)));
        }
    }

    fn run(&self, results: &str) -> RunSummary {
        self.run_with(&self.workspace(results))
    }

    fn run_with(&self, workspace: &Workspace) -> RunSummary {
        let job = workspace.job(&self.path(self.job)).unwrap();
        workspace.run(&job, &Silent).unwrap_or_else(|error| panic!("{error}"))
    }

    fn workspace(&self, results: &str) -> Workspace {
        let mut request = packaged(&self.path("lake"), &self.as_of);
        request.env.insert("QUOTIENT_RESULTS".to_owned(), self.path(results).to_str().unwrap().to_owned());
        request.vars.clone_from(&self.vars);
        let mut workspace = Workspace::open(&request).unwrap();
        workspace.rows_at_once = self.rows_at_once.unwrap_or(workspace.rows_at_once);
        workspace
    }

    /// The incremental results are those of a run from nothing, which makes rows in lots of few files, and by ranges of keys, where it can, and
    /// puts most cells away before it derives tables from them.
    fn agrees(&self, step: &str) -> RunSummary {
        let summary = self.run("results");
        let fresh = self.path("fresh");
        fs::remove_dir_all(&fresh).ok();
        let mut workspace = self.workspace("fresh");
        workspace.rows_at_once = 500;
        let whole = self.run_with(&workspace);
        let names: Vec<&str> = whole.tables.iter().map(|table| table.name.as_str()).filter(|name| !["kpi_runs", "kpi_restatements"].contains(name)).collect();
        for name in names {
            let (incremental, whole) = (text(&self.path("results"), name), text(&fresh, name));
            assert!(incremental == whole, "{step}: table `{name}` differs: {}", first_difference(&incremental, &whole));
        }
        summary
    }
}

fn rows_of(file: &Path) -> RecordBatch {
    let builder = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(file).unwrap()).unwrap();
    let schema = builder.schema().clone();
    let rows: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &rows).unwrap()
}

fn write_rows(file: &Path, rows: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(fs::File::create(file).unwrap(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
}

fn text(results: &Path, table: &str) -> String {
    Results::open(results.to_str().unwrap(), &BTreeMap::new()).sorted_without(table, &STAMPS)
}

fn first_difference(one: &str, other: &str) -> String {
    let lines = one.lines().zip(other.lines()).enumerate().find(|(_, (a, b))| a != b);
    lines.map_or_else(|| "one has more lines".to_owned(), |(at, (a, b))| format!("line {}: `{a}` and `{b}`", at + 1))
}

/// Small tables that facts join; they are there from the start.
fn is_lookup(name: &str) -> bool {
    ["customers/", "products/", "reps/", "holidays/", "targets/"].iter().any(|table| name.starts_with(table))
}

/// When a walk takes place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// In the middle of the company's time: much of the lake is dated ahead.
    Within,
    /// After the last event: as-of hides nothing.
    After,
}

/// A walk of random steps; every table but that of answers keeps a file.
fn walk(seed: u64, steps: usize, when: When) {
    let mut dice = Dice(seed);
    let (year, month) = if when == When::Within { (2024, 9) } else { (2025, 5) };
    let mut world = World::new(&format!("{year}-{month:02}-15T03:30:00Z"));
    // Cost runs ahead of the customers that it wins, by another time than the model's own.
    world.vars.insert("cac_lag_months".to_owned(), "1".to_owned());
    let files = world.company.len();
    for at in 0..files {
        let name = world.company[at].0.clone();
        let table = name.split('/').next().unwrap().to_owned();
        let is_first = world.company.iter().position(|(other, _)| other.starts_with(&format!("{table}/"))) == Some(at);
        let is_empty = when == When::After && table == "feedback";
        if (is_first && !is_empty) || is_lookup(&name) || (!is_empty && dice.roll(3) > 0) {
            world.arrive(at);
        }
    }
    let _ = world.agrees("the first run");
    for step in 0..steps {
        world.rows_at_once = (step % 2 == 1).then_some(500);
        let at = dice.roll(files);
        let name = world.company[at].0.clone();
        let what = match dice.roll(12) {
            0..=4 => {
                world.arrive(at);
                format!("`{name}` comes")
            }
            5 if name.contains("month=") => {
                world.leave(at);
                world.arrive(world.company.iter().position(|(other, _)| other.split('/').next() == name.split('/').next()).unwrap());
                format!("`{name}` goes")
            }
            5..=7 => {
                world.shrink(at);
                format!("`{name}` shrinks")
            }
            8 => {
                world.as_of = format!("{year}-{:02}-{:02}T{:02}:00:00Z", month + dice.roll(4), 1 + dice.roll(28), dice.roll(24));
                format!("as of {}", world.as_of)
            }
            9 => {
                // Midnight in the project's zone: a day ends, and none begins.
                world.as_of = format!("{year}-{:02}-30T22:00:00Z", month + dice.roll(2));
                format!("as of {}", world.as_of)
            }
            10 => {
                world.job = if world.job == "job.yml" { "narrow.yml" } else { "job.yml" };
                format!("the job is `{}`", world.job)
            }
            _ => {
                world.vars.insert("grace_days".to_owned(), (20 + dice.roll(20)).to_string());
                "another grace".to_owned()
            }
        };
        let _ = world.agrees(&format!("seed {seed}, step {step}: {what}"));
    }
}

#[test]
fn a_random_walk_ends_where_a_full_run_ends() {
    walk(1, 7, When::Within);
    walk(2, 9, When::After);
}

/// `QUOTIENT_WALKS=20 cargo test a_long_walk -- --nocapture` walks at length.
#[test]
fn a_long_walk_ends_where_a_full_run_ends() {
    let walks: u64 = std::env::var("QUOTIENT_WALKS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    if walks == 0 {
        harness::skip("a_long_walk_ends_where_a_full_run_ends", "QUOTIENT_WALKS is not set");
    }
    for seed in 0..walks {
        walk(100 + seed, 12, if seed % 2 == 0 { When::Within } else { When::After });
    }
}

#[test]
fn a_new_day_of_orders_touches_its_periods_alone() {
    let world = World::new("2025-04-01T00:00:00Z");
    let last = world.company.iter().position(|(name, _)| name.starts_with("order_lines/month=2025-03")).unwrap();
    for at in (0..world.company.len()).filter(|at| *at != last) {
        world.arrive(at);
    }
    let first = world.agrees("before the new file");
    assert_eq!(first.reasons, [Reason::NeverComputed]);
    world.arrive(last);
    let second = world.agrees("after the new file");
    assert_eq!(second.reasons, [Reason::NewFile]);
    let unchanged: Vec<&str> = second.tables.iter().filter(|table| !table.changed).map(|table| table.name.as_str()).collect();
    for name in ["deals", "pipeline", "response", "customers", "recurring", "voices"] {
        assert!(unchanged.contains(&name), "`{name}` has no order in it, and was written anew");
    }
    let third = world.run("results");
    assert!(third.reasons.is_empty(), "{:?}", third.reasons);
    assert_eq!(third.run_id, second.run_id);
}

#[test]
fn rows_are_kept_in_the_columns_that_are_read() {
    let mut world = World::new("2025-04-01T00:00:00Z");
    (0..world.company.len()).for_each(|at| world.arrive(at));
    let kept = |world: &World, model: &str| -> Vec<(String, Vec<String>)> {
        let files = files_below(&world.path("results/_kept")).into_iter().filter(|(name, _)| name.contains(&format!("/rows/{model}/")));
        files.map(|(name, file)| (name, rows_of(&file).schema().fields().iter().map(|field| field.name().clone()).collect())).collect()
    };
    world.job = "narrow.yml";
    let _ = world.agrees("a job that reads little");
    let columns = |kept: &[(String, Vec<String>)]| kept.first().map(|(_, columns)| columns.clone()).unwrap_or_default();
    let of_mrr = ["customer_id", "product_id", "moved_on", "amount", "upsell_amount", "expansion_amount", "contraction_amount", "churned_amount", "__day"];
    assert_eq!(columns(&kept(&world, "mrr_movements")), of_mrr);
    assert_eq!(columns(&kept(&world, "order_findings")), ["rule", "table_name", "key", "__day"]);
    assert!(!columns(&kept(&world, "feedback_answers")).contains(&"rep_id".to_owned()));
    world.job = "job.yml";
    let _ = world.agrees("a job that reads more");
    let wide = kept(&world, "feedback_answers");
    assert!(wide.iter().any(|(_, columns)| columns.contains(&"rep_id".to_owned())), "{wide:?}");
    // What nobody reads any more stays, and is read.
    world.job = "narrow.yml";
    let _ = world.agrees("a job that reads little again");
    assert_eq!(kept(&world, "feedback_answers"), wide);
}

#[test]
fn a_late_row_restates_a_year_that_was_complete() {
    let world = World::new("2025-04-01T00:00:00Z");
    let late = world.company.iter().position(|(name, _)| name.starts_with("order_lines/month=2024-05")).unwrap();
    for at in (0..world.company.len()).filter(|at| *at != late) {
        world.arrive(at);
    }
    assert_eq!(world.run("results").restated, 0);
    world.arrive(late);
    let second = world.run("results");
    assert!(second.restated > 0);
    assert!(second.reasons.contains(&Reason::LateRows), "{:?}", second.reasons);
    let restated = text(&world.path("results"), "kpi_restatements");
    let year = restated.lines().find(|line| line.contains("everything,revenue,year,2024-01-01,total")).unwrap_or_else(|| panic!("no restatement of 2024: {restated}"));
    assert!(year.contains("late rows"), "{year}");
    assert_eq!(world.run("results").restated, 0);
    assert_eq!(text(&world.path("results"), "kpi_restatements"), restated);
}

#[test]
fn a_backfill_after_a_new_metric_keeps_what_is_published() {
    let mut world = World::new("2025-04-01T00:00:00Z");
    (0..world.company.len()).for_each(|at| world.arrive(at));
    world.job = "narrow.yml";
    let _ = world.run("results");
    world.job = "job.yml";
    let workspace = world.workspace("results");
    let job = workspace.job(&world.path(world.job)).unwrap();
    let day = |text: &str| text.parse().unwrap();
    let request = BackfillRequest {
        from: day("2025-01-01"),
        to: day("2025-02-28"),
        chunk: Grain::Month,
        tables: Vec::new(),
        metrics: Vec::new(),
        order: ChunkOrder::NewestFirst,
        again: Again::Keep,
        at_once: AtOnce::default(),
    };
    let _ = workspace.backfill(&job, &request, &Silent).unwrap();
    let deals = text(&world.path("results"), "deals");
    assert!(deals.contains("month,total,2024-05-01"), "a backfill of 2025 took 2024 away");
    let _ = world.agrees("after the backfill");
    assert_eq!(text(&world.path("results"), "kpi_restatements").lines().count(), 1, "nothing was restated");
}

#[test]
fn chunks_computed_at_once_give_what_chunks_one_by_one_give() {
    let mut world = World::new("2025-04-01T00:00:00Z");
    (0..world.company.len()).for_each(|at| world.arrive(at));
    let day = |text: &str| text.parse().unwrap();
    let backfill = |world: &World, results: &str, at_once: AtOnce| {
        let workspace = world.workspace(results);
        let job = workspace.job(&world.path(world.job)).unwrap();
        let request = BackfillRequest {
            from: day("2024-01-01"),
            to: day("2025-03-31"),
            chunk: Grain::Quarter,
            tables: Vec::new(),
            metrics: Vec::new(),
            order: ChunkOrder::OldestFirst,
            again: Again::Keep,
            at_once,
        };
        workspace.backfill(&job, &request, &Silent).unwrap().unwrap();
        workspace.runs(&job).unwrap().len()
    };
    let three = AtOnce { jobs: NonZeroUsize::new(3).unwrap(), memory: None };
    let runs = backfill(&world, "one by one", AtOnce::default());
    assert_eq!(backfill(&world, "at once", three), runs, "each chunk has its run");
    assert_eq!(backfill(&world, "within a byte", AtOnce { memory: Some(1), ..three }), runs);
    for table in ["deals", "kpi_values"] {
        let expected = text(&world.path("one by one"), table);
        assert!(text(&world.path("at once"), table) == expected, "{table} at once");
        assert!(text(&world.path("within a byte"), table) == expected, "{table} within a byte");
    }
    // After a change of the lake, what was computed ahead does not count.
    world.as_of = "2025-04-02T00:00:00Z".to_owned();
    fs::rename(world.path("at once"), world.path("results")).unwrap();
    let _ = world.agrees("a run after the backfill");
}

#[test]
fn days_in_the_folders_of_a_lake_are_events_too() {
    let world = World::new("2025-04-01T00:00:00Z");
    (0..world.company.len()).for_each(|at| world.arrive(at));
    // The postings of two months, by day, as files without the day.
    let (_, file) = world.company.iter().find(|(name, _)| name.starts_with("expenses/")).unwrap();
    let all = rows_of(file);
    fs::remove_dir_all(world.path("lake/expenses")).unwrap();
    let days = all.column_by_name("incurred_on").unwrap().as_primitive::<Date32Type>().clone();
    let mut wanted: Vec<i32> = days.iter().flatten().collect();
    wanted.sort_unstable();
    wanted.dedup();
    let kept: Vec<usize> = (0..all.num_columns()).filter(|at| all.schema().field(*at).name() != "incurred_on").collect();
    let write = |day: i32| {
        let mask: BooleanArray = days.iter().map(|found| Some(found == Some(day))).collect();
        let rows = filter_record_batch(&all.project(&kept).unwrap(), &mask).unwrap();
        let folder = world.path(&format!("lake/expenses/incurred_on={}", NaiveDate::from_epoch_days(day).unwrap()));
        fs::create_dir_all(&folder).unwrap();
        write_rows(&folder.join("part.parquet"), &rows);
    };
    let (last, before) = wanted.split_last().unwrap();
    for day in before {
        write(*day);
    }
    let _ = world.agrees("before the last day");
    write(*last);
    let _ = world.agrees("after the last day");
}

#[test]
fn a_result_table_that_is_gone_is_made_anew() {
    let mut world = World::new("2025-04-01T00:00:00Z");
    (0..world.company.len()).for_each(|at| world.arrive(at));
    let _ = world.run("results");
    fs::remove_dir_all(world.path("results/deals")).unwrap();
    let _ = world.agrees("without a table");
    fs::remove_dir_all(world.path("results/kpi_values")).unwrap();
    fs::remove_dir_all(world.path("results/_kept")).unwrap();
    world.as_of = "2025-04-02T00:00:00Z".to_owned();
    let _ = world.agrees("without values and kept cells, a day later");
    fs::remove_dir_all(world.path("results/kpi_ledger")).unwrap();
    let _ = world.agrees("without the ledger");
}

#[test]
fn a_table_that_was_taken_back_is_mended() {
    let mut world = World::new("2025-04-01T00:00:00Z");
    (0..world.company.len()).for_each(|at| world.arrive(at));
    let _ = world.run("results");
    world.as_of = "2025-04-02T00:00:00Z".to_owned();
    let _ = world.run("results");
    let log = world.path("results/sales/_delta_log");
    let entries = fs::read_dir(&log).unwrap().count();
    assert!(entries > 1, "a day later nothing of `sales` changed");
    fs::remove_file(log.join(format!("{:020}.json", entries - 1))).unwrap();
    let mended = world.agrees("taken back to the version before");
    assert_eq!(mended.reasons, [Reason::ChangedTable]);
}

#[test]
fn kept_rows_that_are_gone_or_torn_are_made_anew() {
    let mut world = World::new("2025-04-01T00:00:00Z");
    (0..world.company.len()).for_each(|at| world.arrive(at));
    let _ = world.run("results");
    let rows = |world: &World| files_below(&world.path("results/_kept")).into_iter().filter(|(name, _)| name.contains("/rows/")).collect::<Vec<_>>();
    let of = |world: &World, model: &str| rows(world).into_iter().filter(|(name, _)| name.contains(&format!("/{model}/"))).map(|(_, file)| file).collect::<Vec<_>>();
    for model in [
        "sales_lines",
        "rep_work",
        "first_wins",
        "new_customer_sales",
        "leads",
        "lead_warmings",
        "touches",
        "rep_activities",
        "stage_visits",
        "stage_visit_movements",
        "product_holdings",
    ] {
        assert!(!of(&world, model).is_empty(), "no rows of `{model}` are kept");
    }
    for file in of(&world, "touches") {
        fs::remove_file(file).unwrap();
    }
    world.as_of = "2025-04-02T00:00:00Z".to_owned();
    let _ = world.agrees("without the rows of touches");
    assert!(!of(&world, "touches").is_empty());
    for file in of(&world, "leads") {
        fs::write(file, "torn").unwrap();
    }
    world.as_of = "2025-04-03T00:00:00Z".to_owned();
    let _ = world.agrees("with torn rows of leads");
}

#[test]
fn kept_cells_that_are_torn_are_computed_anew() {
    let mut world = World::new("2025-04-01T00:00:00Z");
    (0..world.company.len()).for_each(|at| world.arrive(at));
    // So few cells wait in memory that most are read again when tables are derived.
    world.rows_at_once = Some(500);
    let _ = world.run("results");
    let cells = |world: &World| files_below(&world.path("results/_kept")).into_iter().filter(|(name, _)| !name.contains("/rows/")).map(|(_, file)| file).collect::<Vec<_>>();
    let of_before = cells(&world);
    assert!(of_before.len() > 20, "{of_before:?}");
    // Of years that the next run needs, and of those that it reads to derive tables alone.
    for file in of_before.iter().step_by(3) {
        fs::write(file, "torn").unwrap();
    }
    world.as_of = "2025-04-02T00:00:00Z".to_owned();
    let _ = world.agrees("with torn cells");
    let mended = cells(&world);
    assert!(mended.len() > of_before.len());
    for file in mended.iter().step_by(4) {
        fs::remove_file(file).unwrap();
    }
    world.as_of = "2025-04-03T00:00:00Z".to_owned();
    let _ = world.agrees("without some of the cells");
}
