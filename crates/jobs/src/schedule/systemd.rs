//! A job as a systemd service and its timer.
//!
//! Two day fields become two calendar lines: a timer runs at each of them, as cron runs on days that fit either.

use std::time::Duration;

use quotient_model::CatchUp;

use super::export::{ScheduleError, ScheduleExport, ScheduleForm};
use super::fields::{Field, Fields};
use super::quote::{comment, systemd, unit_name};

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// The two units, one after the other, each below the path of its file.
pub(super) fn text(export: &ScheduleExport) -> Result<String, ScheduleError> {
    let calendar = calendar(&Fields::read(&export.cron)?, &export.time_zone)?;
    let unit = unit_name(&export.name);
    let name = comment(&export.name).replace('%', "%%");
    let command: Vec<String> = export.attempts().iter().map(|word| systemd(word)).collect();
    let folder = export.directory.as_ref().map(|folder| format!("WorkingDirectory={}\n", comment(folder).replace('%', "%%"))).unwrap_or_default();
    let timeout = whole(export).map(|whole| format!("TimeoutStartSec={}\n", whole.as_secs())).unwrap_or_default();
    Ok(format!(
        "\
# /etc/systemd/system/{unit}.service
[Unit]
Description=Quotient job `{name}`
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
# QUOTIENT_LAKE, QUOTIENT_RESULTS, credentials, and whatever else the project reads.
EnvironmentFile=-/etc/quotient/{unit}.env
{folder}ExecStart={}
{timeout}
# /etc/systemd/system/{unit}.timer
[Unit]
Description=Times of Quotient job `{name}`

[Timer]
{calendar}Persistent={}

[Install]
WantedBy=timers.target
",
        command.join(" "),
        export.catch_up == CatchUp::One
    ))
}

/// The time for all attempts, and for the waits between them.
fn whole(export: &ScheduleExport) -> Option<Duration> {
    let (timeout, retries) = (export.patience()?, export.retries);
    Some(timeout.saturating_mul(retries.times.saturating_add(1)).saturating_add(retries.wait.saturating_mul(retries.times)))
}

fn calendar(fields: &Fields, zone: &str) -> Result<String, ScheduleError> {
    let Fields { minute, hour, day, month, weekday } = fields;
    let days = match day.text.as_str() {
        "*" => None,
        "L" => Some("~01".to_owned()),
        _ => Some(format!("-{}", numbers(day)?)),
    };
    let weekdays = match weekday.text.as_str() {
        "*" => None,
        _ if weekday.depends_on_month => return Err(weekday.unsayable(ScheduleForm::Systemd)),
        _ => Some(weekday.values.iter().map(|day| WEEKDAYS[usize::from(*day) % 7]).collect::<Vec<&str>>().join(",")),
    };
    let (months, time) = (numbers(month)?, format!("{}:{}:00 {zone}", numbers(hour)?, numbers(minute)?));
    let every_month_day = || format!("OnCalendar=*-{months}-* {time}\n");
    let on_days = days.map(|days| format!("OnCalendar=*-{months}{days} {time}\n"));
    let on_weekdays = weekdays.map(|weekdays| format!("OnCalendar={weekdays} *-{months}-* {time}\n"));
    let lines: Vec<String> = on_days.into_iter().chain(on_weekdays).collect();
    Ok(if lines.is_empty() { every_month_day() } else { lines.concat() })
}

/// The numbers of a field, in two digits.
fn numbers(field: &Field) -> Result<String, ScheduleError> {
    if field.depends_on_month {
        return Err(field.unsayable(ScheduleForm::Systemd));
    }
    if field.text == "*" {
        return Ok("*".to_owned());
    }
    Ok(field.values.iter().map(|value| format!("{value:02}")).collect::<Vec<String>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::{calendar, text};
    use crate::schedule::export::ScheduleExport;
    use crate::schedule::fields::Fields;

    #[test]
    fn a_job_is_a_service_and_a_timer() {
        assert_eq!(
            text(&ScheduleExport::nightly()).unwrap(),
            r#"# /etc/systemd/system/quotient-nightly.service
[Unit]
Description=Quotient job `nightly`
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
# QUOTIENT_LAKE, QUOTIENT_RESULTS, credentials, and whatever else the project reads.
EnvironmentFile=-/etc/quotient/quotient-nightly.env
WorkingDirectory=/srv/100%% kpis
ExecStart=/bin/sh -c "n=0; until \"$$@\"; do code=$$?; case $$code in 4|5) ;; *) exit $$code;; esac; [ $$n -lt 2 ] || exit $$code; n=$$((n+1)); sleep 300; done" quotient-attempts quotient run "my kpis/nightly.yml"
TimeoutStartSec=22380

# /etc/systemd/system/quotient-nightly.timer
[Unit]
Description=Times of Quotient job `nightly`

[Timer]
OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 02:30:00 Europe/Berlin
Persistent=true

[Install]
WantedBy=timers.target
"#
        );
    }

    #[test]
    fn a_plain_job_has_no_limit_and_catches_nothing_up() {
        let units = text(&ScheduleExport::plain()).unwrap();
        assert!(units.contains("ExecStart=quotient run \"my kpis/nightly.yml\"\n\n#"), "{units}");
        assert!(units.contains("OnCalendar=*-*-* 02:00:00 Europe/Berlin\nPersistent=false\n"), "{units}");
    }

    #[test]
    fn cron_lines_become_calendar_lines() {
        let lines = |cron: &str| Fields::read(cron).and_then(|fields| calendar(&fields, "UTC")).unwrap();
        assert_eq!(lines("*/20 8-10 * * *"), "OnCalendar=*-*-* 08,09,10:00,20,40:00 UTC\n");
        assert_eq!(lines("* * 1 jan,jul *"), "OnCalendar=*-01,07-01 *:*:00 UTC\n");
        assert_eq!(lines("0 6 L * *"), "OnCalendar=*-*~01 06:00:00 UTC\n");
        assert_eq!(lines("0 6 1,15 * 7"), "OnCalendar=*-*-01,15 06:00:00 UTC\nOnCalendar=Sun *-*-* 06:00:00 UTC\n");
    }
}
