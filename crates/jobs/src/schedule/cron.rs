//! A job as a line of a crontab.
//!
//! cron neither makes up for missed runs nor tries again: retries are a loop of the shell, and missed runs stay missed.

use super::export::{ScheduleError, ScheduleExport, ScheduleForm};
use super::fields::Fields;
use super::quote::{comment, shell, shell_line};

/// The lines of a crontab.
pub(super) fn text(export: &ScheduleExport) -> Result<String, ScheduleError> {
    let line = Fields::read(&export.cron)?.plain_line(ScheduleForm::Cron)?;
    if let Some(word) = export.command.iter().chain(&export.directory).find(|word| word.contains(['\n', '\r'])) {
        return Err(ScheduleError::Word { form: ScheduleForm::Cron, word: word.clone() });
    }
    let folder = export.directory.as_ref().map(|folder| format!("cd {} && ", shell(folder))).unwrap_or_default();
    // A percent sign would end the command.
    let command = format!("{folder}{}", shell_line(&export.attempts())).replace('%', r"\%");
    let (name, zone) = (comment(&export.name), &export.time_zone);
    Ok(format!(
        "# Quotient job `{name}`. cronie reads CRON_TZ; other crons take the time zone of the machine.\n\
         # cron makes up for no run that it missed, and has none of your environment: set QUOTIENT_LAKE, QUOTIENT_RESULTS and credentials above.\n\
         CRON_TZ={zone}\n\
         {line} {command}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::schedule::export::ScheduleExport;

    #[test]
    fn a_plain_job_is_a_line() {
        assert_eq!(
            text(&ScheduleExport::plain()).unwrap(),
            "# Quotient job `nightly`. cronie reads CRON_TZ; other crons take the time zone of the machine.
# cron makes up for no run that it missed, and has none of your environment: set QUOTIENT_LAKE, QUOTIENT_RESULTS and credentials above.
CRON_TZ=Europe/Berlin
0 2 * * * quotient run 'my kpis/nightly.yml'
"
        );
    }

    #[test]
    fn retries_are_a_loop_and_percent_signs_are_kept() {
        let mut export = ScheduleExport::nightly();
        export.command.push("100%".to_owned());
        assert_eq!(
            text(&export).unwrap().lines().next_back().unwrap(),
            "30 2 * * 1-5 cd '/srv/100\\% kpis' && /bin/sh -c 'n=0; until \"$@\"; do code=$?; case $code in 4|5) ;; *) exit $code;; esac; \
             [ $n -lt 2 ] || exit $code; n=$((n+1)); sleep 300; done' quotient-attempts quotient run 'my kpis/nightly.yml' '100\\%'"
        );
        export.command.push("a\nb".to_owned());
        assert_eq!(text(&export).unwrap_err().to_string(), "the command has \"a\\nb\", and a crontab has no line breaks within a command");
    }
}
