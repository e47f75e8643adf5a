//! What engines will be asked: requests for the same rows are answered together by whoever asks first, and others wait for their cells.
//!
//! In: requests, announced beforehand. Out: their cells, each once.

use std::sync::{Condvar, Mutex, PoisonError};

use arrow::array::RecordBatch;
use quotient_metrics::{BaseRequest, MetricsError};

use crate::days::Days;
use crate::side_by_side::locked;

/// Requests that will be put to the engine over all files, or to that of some days.
#[derive(Default)]
pub(crate) struct Announcements<'a> {
    all: Mutex<Vec<Announced<'a>>>,
    changed: Condvar,
}

struct Announced<'a> {
    days: Option<Days>,
    request: BaseRequest<'a>,
    state: State,
}

/// How far a request is.
enum State {
    Waiting,
    /// Its cells are being computed with those of the request that this thread was asked.
    InWork(std::thread::ThreadId),
    /// Its cells were computed with those of another.
    Done(Vec<RecordBatch>),
}

/// Computes the cells of requests for the same rows.
pub(crate) type Compute<'c> = dyn Fn(&[BaseRequest<'_>]) -> Result<Vec<Vec<RecordBatch>>, MetricsError> + 'c;

impl<'a> Announcements<'a> {
    /// Says what will be asked.
    pub(crate) fn add(&self, days: Option<Days>, request: BaseRequest<'a>) {
        locked(&self.all).push(Announced { days, request, state: State::Waiting });
    }

    /// The cells of a request: those that were computed with others, or computed now with all that were announced and go with it.
    pub(crate) fn cells(
        &self,
        days: Option<Days>,
        request: &BaseRequest<'_>,
        go_with: &dyn Fn(&BaseRequest<'_>) -> bool,
        compute: &Compute<'_>,
    ) -> Result<Vec<RecordBatch>, MetricsError> {
        let mut requests: Vec<BaseRequest<'_>> = vec![request.clone()];
        let mut all = locked(&self.all);
        while let Some(at) = all.iter().position(|announced| announced.days == days && announced.request == *request) {
            if matches!(all[at].state, State::InWork(_)) {
                all = self.changed.wait(all).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // The others stay in their order: cells are given to them by it.
            match all.remove(at).state {
                State::Done(cells) => return Ok(cells),
                State::Waiting | State::InWork(_) => break,
            }
        }
        let own = std::thread::current().id();
        for other in all.iter_mut().filter(|other| other.days == days && matches!(other.state, State::Waiting) && go_with(&other.request)) {
            other.state = State::InWork(own);
            requests.push(other.request.clone());
        }
        drop(all);
        let _work = Work { of: self, thread: own };
        let mut cells = compute(&requests)?.into_iter();
        let found = cells.next().unwrap_or_default();
        let mut all = locked(&self.all);
        let in_work = |announced: &&mut Announced<'_>| matches!(announced.state, State::InWork(thread) if thread == own);
        all.iter_mut().filter(in_work).zip(cells).for_each(|(other, cells)| other.state = State::Done(cells));
        Ok(found)
    }
}

/// The work of a thread: requests whose cells it did not bring wait again.
struct Work<'w, 'a> {
    of: &'w Announcements<'a>,
    thread: std::thread::ThreadId,
}

impl Drop for Work<'_, '_> {
    fn drop(&mut self) {
        for announced in locked(&self.of.all).iter_mut().filter(|announced| matches!(announced.state, State::InWork(thread) if thread == self.thread)) {
            announced.state = State::Waiting;
        }
        self.of.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::{Arc, Barrier};

    use arrow::array::{Int64Array, RecordBatch};

    use super::*;

    fn request(model: &'static str, time: &'static str) -> BaseRequest<'static> {
        BaseRequest { model, time, measures: Vec::new(), groupings: Vec::new(), keep: Vec::new(), snapshot: None, window: None, from: None, to: None, only: Vec::new() }
    }

    /// Cells that say which request they are of.
    fn cells(time: &str) -> Vec<RecordBatch> {
        let length = Int64Array::from(vec![i64::try_from(time.len()).unwrap()]);
        vec![RecordBatch::try_from_iter([("n", Arc::new(length) as arrow::array::ArrayRef)]).unwrap()]
    }

    fn computed(requests: &[BaseRequest<'_>]) -> Vec<Vec<RecordBatch>> {
        requests.iter().map(|request| cells(request.time)).collect()
    }

    fn announced(times: &[&'static str]) -> Announcements<'static> {
        let all = Announcements::default();
        for time in times {
            all.add(None, request("deals", time));
        }
        all
    }

    #[test]
    fn requests_that_go_together_are_computed_once_and_each_gets_its_own() {
        let (all, calls) = (announced(&["a", "bb", "ccc", "bb"]), Cell::new(0));
        let ask = |time: &'static str| {
            let compute = |requests: &[BaseRequest<'_>]| {
                calls.set(calls.get() + 1);
                Ok(computed(requests))
            };
            all.cells(None, &request("deals", time), &|other| other.time != "ccc", &compute).unwrap()
        };
        assert_eq!((ask("a"), ask("bb"), ask("bb"), calls.get()), (cells("a"), cells("bb"), cells("bb"), 1));
        // One that did not go with them, and one that nobody announced.
        assert_eq!((ask("ccc"), ask("dddd"), calls.get()), (cells("ccc"), cells("dddd"), 3));
    }

    #[test]
    fn who_asks_for_what_another_computes_waits_for_it() {
        let (all, both) = (announced(&["a", "bb"]), Barrier::new(2));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let compute = |requests: &[BaseRequest<'_>]| {
                    both.wait();
                    std::thread::sleep(std::time::Duration::from_millis(20));
                    Ok(computed(requests))
                };
                assert_eq!(all.cells(None, &request("deals", "a"), &|_| true, &compute).unwrap(), cells("a"));
            });
            both.wait();
            let found = all.cells(None, &request("deals", "bb"), &|_| true, &|_| panic!("its cells are being computed"));
            assert_eq!(found.unwrap(), cells("bb"));
        });
    }

    #[test]
    fn after_a_fault_the_others_ask_for_themselves() {
        let all = announced(&["a", "bb"]);
        let fault = |_: &[BaseRequest<'_>]| Err(MetricsError::Unknown { what: "model", name: "deals".to_owned(), near: None });
        assert!(all.cells(None, &request("deals", "a"), &|_| true, &fault).is_err());
        let found = all.cells(None, &request("deals", "bb"), &|_| true, &|requests| Ok(computed(requests)));
        assert_eq!(found.unwrap(), cells("bb"));
    }
}
