//! A job as an Airflow DAG of one task, for Airflow 2.4 and later.
//!
//! The run takes the end of its data interval for now, so that a task that is cleared gives the numbers that it gave.
//! Exit codes say whether a retry may help: findings, usage, project and faults of the program fail the task for good.

use quotient_model::CatchUp;

use super::export::{ScheduleError, ScheduleExport, ScheduleForm};
use super::fields::Fields;
use super::quote::{text as quoted, unit_name};

/// The Python file.
pub(super) fn text(export: &ScheduleExport) -> Result<String, ScheduleError> {
    let line = quoted(&Fields::read(&export.cron)?.plain_line(ScheduleForm::Airflow)?);
    let (id, name, zone) = (quoted(&unit_name(&export.name)), quoted(&format!("Quotient job `{}`", export.name)), quoted(&export.time_zone));
    let command = export.command.iter().map(|word| quoted(word)).collect::<Vec<String>>().join(", ");
    let missed = match export.catch_up {
        CatchUp::One => "the last of the missed runs is made up for",
        CatchUp::Nothing => "Airflow makes up for the last of the missed runs all the same",
    };
    let folder = export.directory.as_ref().map_or_else(|| "None".to_owned(), |folder| quoted(folder));
    let limit = export.patience().map(|patience| format!("    execution_timeout=timedelta(seconds={}),\n", patience.as_secs())).unwrap_or_default();
    let (times, wait) = (export.retries.times, export.retries.wait.as_secs());
    Ok(format!(
        "\
import subprocess
from datetime import timedelta

import pendulum

try:
    from airflow.sdk import dag, task
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:  # Airflow 2, and early 3
    from airflow.decorators import dag, task
    from airflow.exceptions import AirflowException, AirflowFailException

COMMAND = [{command}]
FOLDER = {folder}
# Findings, usage, project, a fault of the program: no retry mends them.
FINAL = {{1, 2, 3, 70}}


@task(
    retries={times},
    retry_delay=timedelta(seconds={wait}),
{limit})
def run(data_interval_end=None, dag_run=None):
    # A run by hand may have no interval.
    as_of = (data_interval_end or dag_run.run_after).isoformat()
    code = subprocess.run([*COMMAND, \"--as-of\", as_of], cwd=FOLDER, check=False).returncode
    if code in FINAL:
        raise AirflowFailException(f\"quotient ended with exit code {{code}}\")
    if code != 0:
        raise AirflowException(f\"quotient ended with exit code {{code}}\")


@dag(
    dag_id={id},
    description={name},
    schedule={line},
    start_date=pendulum.datetime(2020, 1, 1, tz={zone}),
    # Without catchup, {missed}.
    catchup=False,
    max_active_runs=1,
)
def job():
    run()


job()
"
    ))
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::schedule::export::ScheduleExport;

    #[test]
    fn a_job_is_a_dag_of_one_task() {
        assert_eq!(
            text(&ScheduleExport::nightly()).unwrap(),
            r#"import subprocess
from datetime import timedelta

import pendulum

try:
    from airflow.sdk import dag, task
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:  # Airflow 2, and early 3
    from airflow.decorators import dag, task
    from airflow.exceptions import AirflowException, AirflowFailException

COMMAND = ["quotient", "run", "my kpis/nightly.yml"]
FOLDER = "/srv/100% kpis"
# Findings, usage, project, a fault of the program: no retry mends them.
FINAL = {1, 2, 3, 70}


@task(
    retries=2,
    retry_delay=timedelta(seconds=300),
    execution_timeout=timedelta(seconds=7260),
)
def run(data_interval_end=None, dag_run=None):
    # A run by hand may have no interval.
    as_of = (data_interval_end or dag_run.run_after).isoformat()
    code = subprocess.run([*COMMAND, "--as-of", as_of], cwd=FOLDER, check=False).returncode
    if code in FINAL:
        raise AirflowFailException(f"quotient ended with exit code {code}")
    if code != 0:
        raise AirflowException(f"quotient ended with exit code {code}")


@dag(
    dag_id="quotient-nightly",
    description="Quotient job `nightly`",
    schedule="30 2 * * 1-5",
    start_date=pendulum.datetime(2020, 1, 1, tz="Europe/Berlin"),
    # Without catchup, the last of the missed runs is made up for.
    catchup=False,
    max_active_runs=1,
)
def job():
    run()


job()
"#
        );
    }

    #[test]
    fn a_plain_job_has_no_limit_and_no_folder() {
        let dag = text(&ScheduleExport { name: "a \"b\"".to_owned(), ..ScheduleExport::plain() }).unwrap();
        assert!(dag.contains("\nFOLDER = None\n"), "{dag}");
        assert!(dag.contains("    retries=0,\n    retry_delay=timedelta(seconds=60),\n)\n"), "{dag}");
        assert!(dag.contains("    dag_id=\"quotient-a--b\",\n    description=\"Quotient job `a \\\"b\\\"`\",\n"), "{dag}");
        assert!(dag.contains("    # Without catchup, Airflow makes up for the last of the missed runs all the same.\n"), "{dag}");
    }
}
