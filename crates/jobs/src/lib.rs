//! Plan and run jobs
