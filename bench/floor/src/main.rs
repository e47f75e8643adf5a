//! The floor of the bench: decodes columns of a lake on all cores, and does nothing else.
//!
//!     floor LAKE COLUMNS
//!
//! In: a folder with a folder of Parquet files per table; a text with a line per table, its name and the columns to decode.
//! Out: on stdout the seconds it took and the rows it saw, as JSON. Row groups are decoded each by a reader of its own.

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use rayon::prelude::*;

/// Rows of a batch: its columns stay in the cache of a core.
const BATCH: usize = 1 << 14;

type Fault = Box<dyn Error + Send + Sync>;

/// A row group, and which of its columns to decode.
struct Piece {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
    columns: ProjectionMask,
    row_group: usize,
}

fn main() -> Result<(), Fault> {
    let mut arguments = std::env::args().skip(1);
    let (Some(lake), Some(columns)) = (arguments.next(), arguments.next()) else { return Err("usage: floor LAKE COLUMNS".into()) };
    let text = std::fs::read_to_string(&columns).map_err(|error| format!("cannot read `{columns}`: {error}"))?;
    let begun = Instant::now();
    let mut pieces = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let Some(table) = words.next() else { continue };
        let columns: Vec<&str> = words.collect();
        for path in parquet_files(&Path::new(&lake).join(table))? {
            pieces.extend(pieces_of(&path, &columns)?);
        }
    }
    let rows = pieces.par_iter().map(decoded).sum::<Result<usize, Fault>>()?;
    let seconds = begun.elapsed().as_secs_f64();
    writeln!(std::io::stdout(), "{{\"seconds\": {{\"decode\": {seconds:.3}}}, \"rows\": {rows}}}")?;
    Ok(())
}

/// All Parquet files in a folder and those below it.
fn parquet_files(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| format!("cannot list `{}`: {error}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(parquet_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            files.push(path);
        }
    }
    Ok(files)
}

fn pieces_of(path: &Path, columns: &[&str]) -> Result<Vec<Piece>, Fault> {
    let metadata = ArrowReaderMetadata::load(&File::open(path)?, ArrowReaderOptions::new())?;
    let leaves = metadata.parquet_schema().columns().iter().enumerate();
    let chosen: Vec<usize> = leaves.filter(|(_, leaf)| columns.contains(&leaf.name())).map(|(place, _)| place).collect();
    if chosen.len() != columns.len() {
        return Err(format!("`{}`: {} of the columns {columns:?}, expected all", path.display(), chosen.len()).into());
    }
    let mask = ProjectionMask::leaves(metadata.parquet_schema(), chosen);
    let piece = |row_group| Piece { path: path.to_path_buf(), metadata: metadata.clone(), columns: mask.clone(), row_group };
    Ok((0..metadata.metadata().num_row_groups()).map(piece).collect())
}

/// Decodes a row group; gives its rows.
fn decoded(piece: &Piece) -> Result<usize, Fault> {
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(File::open(&piece.path)?, piece.metadata.clone());
    let reader = reader.with_row_groups(vec![piece.row_group]).with_projection(piece.columns.clone()).with_batch_size(BATCH).build()?;
    let mut rows = 0;
    for batch in reader {
        rows += black_box(batch?).num_rows();
    }
    Ok(rows)
}
