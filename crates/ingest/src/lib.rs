//! Lake to checked lazy tables.
//!
//! In: source tables of a project, the folder it lies in, environment variables. Out: one lazy frame per table with exactly the
//! declared columns and types, and the files that it comes from; or every missing file and column of every table at once.
//! Only this crate reads the lake. It writes nothing.

mod check;
mod error;
mod footer;
mod lake;
mod location;
mod scan;
mod store;

pub use check::SchemaFault;
pub use error::IngestError;
pub use lake::{KnownFiles, Lake, LakeFile, ListedFile, Listing, Moments, SourceFrame, TimeKind};
pub use location::Location;
pub use scan::scan_rows;
pub use store::{OpenedStore, existing_store, open_store};
