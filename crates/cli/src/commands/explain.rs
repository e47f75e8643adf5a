//! `explain`: the definition of a metric, from its formula to its SQL.

use quotient_jobs::{Explanation, Format};
use serde_json::{Value, json};

use crate::data_out::DataOut;
use crate::error::CliError;
use crate::listing::{Listing, pretty};
use crate::session::Session;

/// Prints the definition: a page, JSON, or CSV of properties and values.
///
/// # Errors
/// A project with faults, a metric that it does not have.
pub(crate) fn run(metric: &str, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let explanation = session.open()?.explain(metric).map_err(CliError::job)?;
    let text = match session.format {
        Format::Json => pretty(&value(&explanation))?,
        Format::Csv => csv(&explanation)?,
        Format::Table => page(&explanation),
    };
    out.write(text)
}

/// Properties that are there, in the order of reading.
fn properties(explanation: &Explanation) -> Vec<(&'static str, String)> {
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let all = [
        ("kind", explanation.kind.clone()),
        ("formula", explanation.formula.clone()),
        ("unit", explanation.unit.clone()),
        ("null rule", explanation.null_rule.clone()),
        ("final", explanation.mature_after.map(|days| format!("{days} days after the end of the period")).unwrap_or_default()),
        ("source", explanation.source.clone()),
        ("inputs", explanation.inputs.join(", ")),
        ("model", optional(&explanation.model)),
        ("expression", optional(&explanation.expression)),
        ("declared in", format!("{}:{}", explanation.file, explanation.line)),
        ("group by", explanation.group_by.join(", ")),
        ("used by", explanation.used_by.join(", ")),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn page(explanation: &Explanation) -> String {
    let mut lines = vec![format!("{}: {}", explanation.metric, explanation.label)];
    if !explanation.description.is_empty() {
        lines.push(explanation.description.trim().to_owned());
    }
    lines.push(String::new());
    lines.extend(properties(explanation).iter().map(|(property, value)| format!("{property:<12} {}", value.trim())));
    if let Some(sql) = &explanation.sql {
        lines.extend([String::new(), sql.trim().to_owned()]);
    }
    lines.push(String::new());
    lines.join("\n")
}

fn csv(explanation: &Explanation) -> Result<String, CliError> {
    let mut all = vec![("metric", explanation.metric.clone()), ("label", explanation.label.clone()), ("description", explanation.description.clone())];
    all.extend(properties(explanation));
    all.extend(explanation.sql.clone().map(|sql| ("sql", sql)));
    Listing::default().text("property", all.iter().map(|(property, _)| property)).text("value", all.iter().map(|(_, value)| value)).print(Format::Csv)
}

fn value(explanation: &Explanation) -> Value {
    json!({
        "metric": explanation.metric,
        "label": explanation.label,
        "description": explanation.description,
        "kind": explanation.kind,
        "formula": explanation.formula,
        "unit": explanation.unit,
        "null_rule": explanation.null_rule,
        "mature_after": explanation.mature_after,
        "source": explanation.source,
        "inputs": explanation.inputs,
        "model": explanation.model,
        "expression": explanation.expression,
        "file": explanation.file,
        "line": explanation.line,
        "group_by": explanation.group_by,
        "used_by": explanation.used_by,
        "sql": explanation.sql,
    })
}

#[cfg(test)]
mod tests {
    use quotient_jobs::Explanation;

    use super::page;

    #[test]
    fn a_page_leaves_out_what_is_not_there() {
        let explanation = Explanation {
            metric: "win_rate".to_owned(),
            label: "Win rate".to_owned(),
            description: "Won deals over closed deals.\n".to_owned(),
            kind: "ratio".to_owned(),
            formula: "won_deals / closed_deals".to_owned(),
            unit: "ratio".to_owned(),
            null_rule: "null without a closed deal".to_owned(),
            mature_after: Some(30),
            source: String::new(),
            inputs: vec!["won_deals".to_owned(), "closed_deals".to_owned()],
            model: None,
            file: "models/sales_cycle/sales_cycle.yml".to_owned(),
            line: 12,
            expression: None,
            sql: None,
            group_by: vec!["rep__team".to_owned()],
            used_by: vec!["dashboard Board".to_owned()],
        };
        let expected = "\
win_rate: Win rate
Won deals over closed deals.

kind         ratio
formula      won_deals / closed_deals
unit         ratio
null rule    null without a closed deal
final        30 days after the end of the period
inputs       won_deals, closed_deals
declared in  models/sales_cycle/sales_cycle.yml:12
group by     rep__team
used by      dashboard Board
";
        assert_eq!(page(&explanation), expected);
    }
}
