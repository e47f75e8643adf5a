//! Exit codes: what a scheduler can tell from the number alone.

use quotient_jobs::ErrorClass;

/// The command did what was asked.
pub(crate) const DONE: u8 = 0;
/// The data has findings over the limit that the project sets; nothing was published.
pub(crate) const FINDINGS: u8 = 1;
/// The command line is wrong, or names something that the project does not have.
pub(crate) const USAGE: u8 = 2;
/// The project or the job file is wrong.
pub(crate) const PROJECT: u8 = 3;
/// The lake cannot be read, or is not as the project declares it.
pub(crate) const INPUT: u8 = 4;
/// Results, files or stdout cannot be written.
pub(crate) const OUTPUT: u8 = 5;
/// A fault of the program itself.
pub(crate) const INTERNAL: u8 = 70;

/// A second signal broke off the run that `schedule` was finishing.
pub(crate) const INTERRUPTED: u8 = 130;

/// The code of a class of errors.
pub(crate) fn code(class: ErrorClass) -> u8 {
    match class {
        ErrorClass::Findings => FINDINGS,
        ErrorClass::Usage => USAGE,
        ErrorClass::Project => PROJECT,
        ErrorClass::Input => INPUT,
        ErrorClass::Output => OUTPUT,
        ErrorClass::Internal => INTERNAL,
    }
}
