//! The process of the run that goes on, which two threads know: one waits for it, the other may break it off.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// The last lines of what a run says that are told to others.
const LINES: usize = 20;

/// The run that goes on, if there is one.
#[derive(Debug, Clone, Default)]
pub(super) struct Running {
    child: Arc<Mutex<Option<Child>>>,
}

impl Running {
    /// Starts a process; what it says on stderr is passed on, and its last lines are the value of the thread.
    ///
    /// # Errors
    /// What the system says where the process cannot be started.
    pub(super) fn start(&self, mut command: Command) -> io::Result<JoinHandle<String>> {
        let mut child = command.spawn()?;
        let stderr = child.stderr.take();
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        Ok(thread::spawn(move || {
            let mut said: Vec<String> = Vec::new();
            for line in stderr.into_iter().flat_map(|stderr| BufReader::new(stderr).lines()).map_while(Result::ok) {
                let _ = writeln!(io::stderr(), "{line}");
                said.push(line);
                if said.len() > LINES {
                    said.remove(0);
                }
            }
            said.join("\n")
        }))
    }

    /// Waits for the process to end.
    ///
    /// # Errors
    /// What the system says where it cannot be waited for.
    pub(super) fn wait(&self) -> io::Result<ExitStatus> {
        loop {
            let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(running) = child.as_mut() else { return Err(io::Error::other("there is no run")) };
            if let Some(status) = running.try_wait()? {
                *child = None;
                return Ok(status);
            }
            drop(child);
            thread::sleep(LOOK);
        }
    }

    /// Ends the process at once, where there is one; the next run does what it left.
    pub(super) fn break_off(&self) {
        if let Some(child) = self.child.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            // One that has ended meanwhile cannot be killed.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::Running;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stderr(Stdio::piped());
        command
    }

    #[test]
    fn what_a_run_says_is_known_with_its_exit_code() {
        let running = Running::default();
        let said = running.start(shell("echo error: no >&2; exit 4")).unwrap();
        assert_eq!(running.wait().unwrap().code(), Some(4));
        assert_eq!(said.join().unwrap(), "error: no");
        assert!(running.wait().is_err());
    }

    #[test]
    fn a_run_that_is_broken_off_has_no_exit_code() {
        let running = Running::default();
        let said = running.start(shell("exec sleep 60")).unwrap();
        running.break_off();
        assert_eq!(running.wait().unwrap().code(), None);
        assert_eq!(said.join().unwrap(), "");
    }
}
