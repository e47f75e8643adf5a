//! Has cargo embed the packaged project anew when one of its files comes or goes: the macro that embeds it only
//! watches the files that it saw.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout();
    for folder in ["models", "macros"] {
        writeln!(out, "cargo::rerun-if-changed=../../jobs/{folder}")?;
    }
    Ok(())
}
