//! A job as a Kubernetes `CronJob`.
//!
//! A pod is an attempt: its deadline is the job's time-out, and the exit code says whether another pod may follow.
//! Kubernetes chooses the wait between pods itself.

use quotient_model::CatchUp;

use super::export::{ScheduleError, ScheduleExport, ScheduleForm};
use super::fields::Fields;
use super::quote::{text as quoted, unit_name};

/// The manifest.
pub(super) fn text(export: &ScheduleExport) -> Result<String, ScheduleError> {
    let line = quoted(&Fields::read(&export.cron)?.plain_line(ScheduleForm::Kubernetes)?);
    let (name, zone) = (unit_name(&export.name), quoted(&export.time_zone));
    let missed = match export.catch_up {
        CatchUp::One => "  # The last of the missed runs is made up for, however late it is.\n",
        CatchUp::Nothing => "  # A run that is more than a minute late is left out.\n  startingDeadlineSeconds: 60\n",
    };
    let deadline = export.patience().map(|patience| format!("          activeDeadlineSeconds: {}\n", patience.as_secs())).unwrap_or_default();
    let command = export.command.iter().map(|word| quoted(word)).collect::<Vec<String>>().join(", ");
    let folder = export.directory.as_ref().map(|folder| format!("              workingDir: {}\n", quoted(folder))).unwrap_or_default();
    let times = export.retries.times;
    Ok(format!(
        "\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {name}
spec:
  schedule: {line}
  timeZone: {zone}
  concurrencyPolicy: Forbid
{missed}  jobTemplate:
    spec:
      backoffLimit: {times}
      podFailurePolicy:
        rules:
          # Findings, usage, project, a fault of the program: no retry mends them.
          - action: FailJob
            onExitCodes:
              operator: In
              values: [1, 2, 3, 70]
      template:
        spec:
          restartPolicy: Never
{deadline}          containers:
            - name: quotient
              # Name the image that has the program and the project.
              image: quotient:latest
              command: [{command}]
{folder}              envFrom:
                # A secret with QUOTIENT_LAKE, QUOTIENT_RESULTS, credentials, and whatever else the project reads.
                - secretRef:
                    name: {name}
"
    ))
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::schedule::export::ScheduleExport;

    #[test]
    fn a_job_is_a_cron_job() {
        assert_eq!(
            text(&ScheduleExport::nightly()).unwrap(),
            r#"apiVersion: batch/v1
kind: CronJob
metadata:
  name: quotient-nightly
spec:
  schedule: "30 2 * * 1-5"
  timeZone: "Europe/Berlin"
  concurrencyPolicy: Forbid
  # The last of the missed runs is made up for, however late it is.
  jobTemplate:
    spec:
      backoffLimit: 2
      podFailurePolicy:
        rules:
          # Findings, usage, project, a fault of the program: no retry mends them.
          - action: FailJob
            onExitCodes:
              operator: In
              values: [1, 2, 3, 70]
      template:
        spec:
          restartPolicy: Never
          activeDeadlineSeconds: 7260
          containers:
            - name: quotient
              # Name the image that has the program and the project.
              image: quotient:latest
              command: ["quotient", "run", "my kpis/nightly.yml"]
              workingDir: "/srv/100% kpis"
              envFrom:
                # A secret with QUOTIENT_LAKE, QUOTIENT_RESULTS, credentials, and whatever else the project reads.
                - secretRef:
                    name: quotient-nightly
"#
        );
    }

    #[test]
    fn a_plain_job_has_no_deadline_and_is_not_made_up_for() {
        let manifest = text(&ScheduleExport::plain()).unwrap();
        assert!(manifest.contains("  concurrencyPolicy: Forbid\n  # A run that is more than a minute late is left out.\n  startingDeadlineSeconds: 60\n  jobTemplate:\n"));
        assert!(manifest.contains("      backoffLimit: 0\n"));
        assert!(!manifest.contains("activeDeadlineSeconds"));
    }
}
