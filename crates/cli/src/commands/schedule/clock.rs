//! The clock of `schedule`, and the signals that end it.
//!
//! The first SIGTERM or SIGINT ends the next sleep, so that a run which goes on is finished; the second ends the program.
//! A run that is broken off leaves whole tables, and is made up for.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use chrono::{DateTime, Utc};
use quotient_jobs::{Clock, Wake};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch::{Receiver, channel};

use super::running::Running;
use crate::exit;
use crate::talk::Talk;

/// The longest sleep between two looks at the clock: a machine that was suspended, or whose clock was set, notices it.
const NAP: Duration = Duration::from_secs(30);

/// The clock of the machine.
pub(super) struct SystemClock {
    runtime: Runtime,
    /// Whether the program is to stop.
    stop: Receiver<bool>,
}

impl SystemClock {
    /// Listens to signals from now on.
    ///
    /// # Errors
    /// What the system says where it does not let us listen.
    pub(super) fn start(talk: Talk, running: Running) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let mut signals = {
            let _inside = runtime.enter();
            [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?]
        };
        let (sender, stop) = channel(false);
        runtime.spawn(async move {
            next(&mut signals).await;
            talk.say("stopping: a run that goes on is finished, unless a second signal breaks it off");
            // Nobody waits for it where the program ends already.
            let _ = sender.send(true);
            next(&mut signals).await;
            running.break_off();
            std::process::exit(i32::from(exit::INTERRUPTED));
        });
        Ok(Self { runtime, stop })
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the clock that the loop is given")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn sleep_until(&self, instant: DateTime<Utc>) -> Wake {
        let mut stop = self.stop.clone();
        loop {
            let rest = (instant - self.now()).to_std().unwrap_or_default();
            let stops = self.runtime.block_on(async { tokio::time::timeout(rest.min(NAP), stop.wait_for(|stop| *stop)).await.is_ok() });
            if stops {
                return Wake::Stop;
            }
            if rest <= NAP && self.now() >= instant {
                return Wake::Time;
            }
        }
    }
}

/// Waits for the next signal.
async fn next(signals: &mut [Signal; 2]) {
    poll_fn(|context| {
        let has_come = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if has_come { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
