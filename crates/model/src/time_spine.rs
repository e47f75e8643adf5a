//! The time spine of a project: the days, and the granularities beyond the standard ones that it declares.
//!
//! In: `time_spine:` of a model. Out: its day column and its custom granularities.
//! What a custom granularity means is the calendar's business; the column is for MetricFlow, which knows no calendar.

use crate::grain::Grain;
use crate::reader::MapReader;

/// A custom granularity that a time spine declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomGranularity {
    /// The grain of that name.
    pub grain: Grain,
    /// The column of the time spine with the first day of each day's period.
    pub column: String,
}

/// What `time_spine:` of a model says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimeSpine {
    pub(crate) column: String,
    pub(crate) custom_granularities: Vec<CustomGranularity>,
}

/// Reads `time_spine:`; `None` where the column of the days is missing.
pub(crate) fn read_time_spine(spine: &MapReader<'_>) -> Option<TimeSpine> {
    let column = spine.required("standard_granularity_column");
    let mut custom_granularities: Vec<CustomGranularity> = Vec::new();
    for node in spine.list("custom_granularities") {
        let reader = spine.nested(node, format!("{}: custom granularity", spine.what()));
        let (name, column) = (reader.required("name"), reader.text("column_name"));
        reader.ignore(&["description", "label", "config"]);
        reader.finish();
        let Some(name) = name else { continue };
        let Some(grain) = Grain::CUSTOM.into_iter().find(|grain| grain.name() == name) else {
            unknown(&reader, node.line, &name);
            continue;
        };
        if custom_granularities.iter().any(|known| known.grain == grain) {
            reader.fault(node.line, format!("custom granularity `{name}` is there twice"));
            continue;
        }
        custom_granularities.push(CustomGranularity { grain, column: column.unwrap_or(name) });
    }
    spine.finish();
    Some(TimeSpine { column: column?, custom_granularities })
}

fn unknown(reader: &MapReader<'_>, line: usize, name: &str) {
    let names = Grain::CUSTOM.map(Grain::name);
    let hint = match crate::nearest::nearest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "periods come from the calendar vars of `dbt_project.yml`; another grouping of days can be a dimension".to_owned(),
    };
    reader.fault_with_hint(line, format!("custom granularity `{name}`: expected one of `{}`", names.join("`, `")), hint);
}
