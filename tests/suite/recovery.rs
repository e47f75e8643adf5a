//! Runs that are killed, and runs at the same time: readers see whole versions only, and the end is that of one undisturbed run.
//!
//! A few instants and writers here; `just faults` has hundreds (`QUOTIENT_KILLS`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use harness::{Call, Results, S3Server, demo_lake, python_with};
use tempfile::TempDir;

const AS_OF: &str = "2025-04-01T00:00:00Z";
/// Tables that every run leaves with the same rows, whoever wrote them and when.
const TABLES: [&str; 7] = ["sales", "deals", "customers", "kpi_values", "kpi_findings", "kpi_dictionary", "dim_period"];
const STAMPS: [&str; 2] = ["run_id", "computed_at"];

fn job(name: &str, tables: &str) -> String {
    format!("name: {name}\nresults: \"{{{{ env_var('QUOTIENT_RESULTS') }}}}\"\nperiods: {{grains: [day, month, year]}}\ntables:\n{tables}")
}

const SALES: &str = "  - {name: sales, metrics: [revenue, orders, revenue_growth], slices: [[], [rep__team]]}\n";
const DEALS: &str = "  - {name: deals, metrics: [won_deals, win_rate], slices: [[], [rep__team]]}\n";
const CUSTOMERS: &str = "  - {name: customers, metrics: [active_customers, mrr], slices: [[]]}\n";

/// A lake, job files, and results on disk or elsewhere.
struct Place {
    folder: TempDir,
    results: Option<String>,
    env: BTreeMap<String, String>,
    lake: String,
}

impl Place {
    fn on_disk() -> Self {
        let folder = TempDir::new().unwrap();
        demo_lake(&folder.path().join("lake"));
        fs::write(folder.path().join("all.yml"), job("all", &format!("{SALES}{DEALS}{CUSTOMERS}"))).unwrap();
        fs::write(folder.path().join("sales.yml"), job("sales", SALES)).unwrap();
        fs::write(folder.path().join("deals.yml"), job("deals", DEALS)).unwrap();
        let lake = folder.path().join("lake").to_str().unwrap().to_owned();
        Self { folder, results: None, env: BTreeMap::new(), lake }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn results(&self, name: &str) -> String {
        self.results.as_ref().map_or_else(|| self.path(name).to_str().unwrap().to_owned(), |bucket| format!("{bucket}/{name}"))
    }

    fn call(&self, arguments: &[&str], results: &str) -> Call {
        let call = Call::new(arguments).env("QUOTIENT_LAKE", Path::new(&self.lake)).env("QUOTIENT_RESULTS", Path::new(&self.results(results)));
        self.env.iter().fold(call, |call, (name, value)| call.env(name, value))
    }

    fn run(&self, file: &str, results: &str) -> Call {
        self.call(&["run", self.path(file).to_str().unwrap(), "--as-of", AS_OF], results)
    }

    fn open(&self, results: &str) -> Results {
        Results::open(&self.results(results), &self.env)
    }

    /// Every row of the tables that are there, without who wrote it and when.
    fn rows(&self, results: &str, tables: &[&str]) -> BTreeMap<String, Vec<String>> {
        let store = self.open(results);
        let rows = |table: &str| {
            let mut lines: Vec<String> = store.without(table, &STAMPS).lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        tables.iter().map(|table| ((*table).to_owned(), rows(table))).collect()
    }

    /// Every table that is there can be read whole, and `kpi_runs` names versions that are there.
    fn is_whole(&self, results: &str) {
        let store = self.open(results);
        for table in TABLES.iter().chain(&["kpi_runs", "kpi_ledger"]).filter(|table| store.is_there(table)) {
            let _ = store.table(table);
        }
        if store.is_there("kpi_runs") {
            for (table, version) in store.versions_of_runs() {
                assert!(version <= store.version(&table), "`kpi_runs` names version {version} of `{table}`, which is not there");
            }
        }
    }
}

/// Instants between 0 and a whole, spread by a fixed irrational step.
fn instants(count: u32, whole: Duration) -> impl Iterator<Item = Duration> {
    (1..=count).map(move |at| whole.mul_f64((f64::from(at) * 0.618_033_988_749_895).fract()))
}

fn kills(default: u32) -> u32 {
    std::env::var("QUOTIENT_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Kills a call at instants over all of its length, each time in a folder that `prepare` makes; the next call completes.
fn killed(place: &Place, count: u32, arguments: &[&str], prepare: &dyn Fn(&str)) {
    prepare("whole");
    let begun = Instant::now();
    let _ = place.call(arguments, "whole").data();
    let whole = begun.elapsed();
    let wanted = place.rows("whole", &TABLES);
    for (at, after) in instants(count, whole).enumerate() {
        let results = format!("killed{at}");
        prepare(&results);
        let mut child = place.call(arguments, &results).start();
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
        place.is_whole(&results);
        let _ = place.call(arguments, &results).data();
        place.is_whole(&results);
        assert!(place.rows(&results, &TABLES) == wanted, "killed after {after:?}, the next run ends elsewhere");
        if place.results.is_none() {
            fs::remove_dir_all(place.path(&results)).unwrap();
        }
    }
}

fn nothing(_: &str) {}

#[test]
fn a_killed_first_run_is_completed_by_the_next() {
    let place = Place::on_disk();
    let file = place.path("all.yml");
    killed(&place, kills(5), &["run", file.to_str().unwrap(), "--as-of", AS_OF], &nothing);
}

#[test]
fn a_killed_nightly_run_is_completed_by_the_next() {
    let place = Place::on_disk();
    let file = place.path("all.yml");
    let late = place.path("lake/order_lines/month=2025-03");
    fs::rename(&late, place.path("late")).unwrap();
    let _ = place.run("all.yml", "before").data();
    fs::rename(place.path("late"), &late).unwrap();
    let copy = |results: &str| copy_folder(&place.path("before"), &place.path(results));
    killed(&place, kills(5), &["run", file.to_str().unwrap(), "--as-of", AS_OF], &copy);
}

#[test]
fn a_killed_backfill_goes_on_where_it_stopped() {
    let place = Place::on_disk();
    let file = place.path("all.yml");
    let backfill = ["backfill", file.to_str().unwrap(), "--from", "2024-01-01", "--to", "2025-03-31", "--chunk", "quarter", "--as-of", AS_OF];
    killed(&place, kills(3), &backfill, &nothing);
    // All that a run has to add is what lies outside.
    let _ = place.run("all.yml", "whole").data();
    let _ = place.run("all.yml", "one").data();
    assert!(place.rows("whole", &TABLES) == place.rows("one", &TABLES), "a backfill in chunks, and a run, end elsewhere than one run");
}

#[test]
fn a_run_that_is_killed_on_object_storage_is_completed_by_the_next() {
    let Some(python) = python_with(&["moto.server", "boto3"], "recovery") else { return };
    let disk = Place::on_disk();
    let server = S3Server::start(&python, &disk.path("lake"));
    let place = Place { results: Some("s3://results".to_owned()), env: server.env(), lake: "s3://lake".to_owned(), ..disk };
    let file = place.path("all.yml");
    killed(&place, kills(2), &["run", file.to_str().unwrap(), "--as-of", AS_OF], &nothing);
    at_once(&place, 3);
}

#[test]
fn of_runs_at_the_same_time_one_does_the_work() {
    let place = Place::on_disk();
    at_once(&place, 2);
    at_once(&place, 10);
}

/// Every run ends with exit code 0.
fn end_well(runs: Vec<Child>) {
    for run in runs {
        let ended = run.wait_with_output().unwrap();
        assert!(ended.status.success(), "one of several runs at the same time: {}", String::from_utf8_lossy(&ended.stderr));
    }
}

/// So many runs of one job, started together.
fn at_once(place: &Place, writers: u32) {
    let _ = place.run("all.yml", "alone").data();
    let results = format!("together{writers}");
    end_well((0..writers).map(|_| place.run("all.yml", &results).start()).collect());
    place.is_whole(&results);
    assert!(place.rows(&results, &TABLES) == place.rows("alone", &TABLES), "{writers} runs at once end elsewhere than one");
    assert_eq!(place.open(&results).runs().len(), 1, "the same run, {writers} times at once, is one run");
}

#[test]
fn two_jobs_that_share_their_results_lose_nothing() {
    let place = Place::on_disk();
    let tables = ["sales", "deals", "kpi_values", "kpi_findings"];
    for file in ["sales.yml", "deals.yml"] {
        let _ = place.run(file, "in_turn").data();
    }
    end_well(["sales.yml", "deals.yml", "sales.yml", "deals.yml"].iter().map(|file| place.run(file, "together").start()).collect());
    assert!(place.rows("together", &tables) == place.rows("in_turn", &tables), "jobs at once end elsewhere than in turn");
}

#[test]
fn a_backfill_and_a_nightly_run_at_the_same_time_both_land() {
    let place = Place::on_disk();
    let file = place.path("all.yml");
    let backfill = ["backfill", file.to_str().unwrap(), "--from", "2024-01-01", "--to", "2024-12-31", "--chunk", "quarter", "--as-of", AS_OF];
    end_well(vec![place.call(&backfill, "both").start(), place.run("all.yml", "both").start()]);
    let _ = place.run("all.yml", "alone").data();
    assert!(place.rows("both", &TABLES) == place.rows("alone", &TABLES), "a backfill and a run at once end elsewhere than one run");
}

fn copy_folder(from: &Path, to: &Path) {
    for (name, file) in harness::files_below(from) {
        let target = to.join(name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}
