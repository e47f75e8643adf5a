//! Rows of models that are made lot by lot, of lots of the rows that they read, through all models between.
//!
//! In: an engine over all rows. Out: of what the rows come in lots, the models that lots do not touch, and groups of several lots put together.

use std::collections::BTreeSet;

use polars::prelude::{Expr, NULL, UniqueKeepStrategy, col, lit, when};
use quotient_model::Model;

use crate::error::MetricsError;
use crate::polars_engine::PolarsEngine;
use crate::sql::{Merge, Part, Relation, Sets, SqlModel, grouped, row_by_row, together};

impl PolarsEngine<'_> {
    /// Of what the rows of a model, or of a source, are made lot by lot: sets of sources, and of models whose rows are known. A lot has some rows
    /// of each of a set, and all of any other; none where it takes several rows to make one.
    ///
    /// # Errors
    /// SQL that does not bind or is not supported.
    pub fn row_by_row(&self, name: &str) -> Result<Sets, MetricsError> {
        let Some(model) = self.made(name) else { return Ok(vec![BTreeSet::from([name.to_owned()])]) };
        self.through_models(model, self.query_of_model(model, row_by_row)?)
    }

    /// The same of a model that groups rows, and what becomes of its columns when the groups of lots are put together.
    ///
    /// # Errors
    /// SQL that does not bind or is not supported.
    pub fn grouped(&self, name: &str) -> Result<Option<(Sets, Vec<Merge>)>, MetricsError> {
        let Some(model) = self.made(name) else { return Ok(None) };
        let found = self.query_of_model(model, grouped)?;
        found.map(|(sets, merges)| Ok((self.through_models(model, sets)?, merges))).transpose()
    }

    /// Whether a query reads a source, or a model that is known here, row by row, and nothing else in lots.
    ///
    /// # Errors
    /// A query that does not bind.
    pub fn query_reads_row_by_row(&self, query: &SqlModel<'_>, name: &str) -> Result<bool, MetricsError> {
        Ok(self.query_of(query, row_by_row)?.contains(&BTreeSet::from([name.to_owned()])))
    }

    /// A model that is made of what it reads.
    fn made(&self, name: &str) -> Option<&Model> {
        self.project().models.get(name).filter(|_| !self.has_rows(name))
    }

    /// Sets of what a model reads, with what these models are made of in their places.
    fn through_models(&self, model: &Model, sets: Sets) -> Result<Sets, MetricsError> {
        let mut found = Sets::new();
        for set in sets {
            let mut parts = Vec::new();
            for read in model.refs.iter().chain(&model.sources) {
                let sets = if set.contains(read) { self.row_by_row(read)? } else { vec![BTreeSet::new()] };
                parts.push(Part { sets, reads: self.made_of(read) });
            }
            found.extend(together(&parts));
        }
        Ok(found)
    }

    /// All sources and models behind a name, up to those whose rows are known, and itself.
    fn made_of(&self, name: &str) -> BTreeSet<String> {
        let behind = self.made(name).into_iter().flat_map(|model| model.refs.iter().chain(&model.sources)).flat_map(|read| self.made_of(read));
        behind.chain([name.to_owned()]).collect()
    }

    /// The models that are made of nothing that comes in lots: their rows are those of this engine, beside whatever lot.
    #[must_use]
    pub fn made_of_none(&self, in_lots: &BTreeSet<&str>) -> BTreeSet<String> {
        let is_apart = |model: &&String| !self.made_of(model).iter().any(|name| in_lots.contains(name.as_str()));
        self.project().models.keys().filter(is_apart).cloned().collect()
    }

    /// The lots of the rows of a model that are known; one where they came whole.
    ///
    /// # Errors
    /// A model that is not known.
    pub fn known_lots(&self, model: &str) -> Result<Vec<Relation>, MetricsError> {
        self.lots(model).map_or_else(|| Ok(vec![self.relation(model)?]), Ok)
    }
}

impl Relation {
    /// The groups of several lots put together.
    ///
    /// # Errors
    /// A type that no kept column has.
    pub fn merged(&self, merges: &[Merge], model: &str) -> Result<Self, MetricsError> {
        let columns = || self.schema.fields().iter().map(|field| col(field.name().as_str())).zip(merges);
        let keys: Vec<Expr> = columns().filter(|(_, merge)| **merge == Merge::Key).map(|(column, _)| column).collect();
        let value = |(column, merge): (Expr, &Merge)| match merge {
            Merge::Key => None,
            Merge::Sum => Some(when(column.clone().count().gt(lit(0_u32))).then(column.sum()).otherwise(lit(NULL))),
            Merge::Min => Some(column.min()),
            Merge::Max => Some(column.max()),
        };
        let values: Vec<Expr> = columns().filter_map(value).collect();
        let rows = self.frame.clone();
        let groups = if values.is_empty() { rows.select(keys).unique_stable(None, UniqueKeepStrategy::First) } else { rows.group_by_stable(keys).agg(values) };
        Self::read_back(&self.schema, groups, model)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Arc, Barrier};

    use arrow::datatypes::{DataType, Field, Schema};
    use chrono::{TimeZone, Utc};
    use indexmap::IndexMap;
    use polars::prelude::{Column, DataFrame, IntoLazy, NamedFrom, Series};
    use quotient_model::{Project, ProjectFiles, Settings};

    use crate::polars_engine::PolarsEngine;
    use crate::sql::{Merge, Relation};

    const MODELS: [(&str, &str); 6] = [
        ("models/lines.sql", "SELECT l.day AS day, l.amount AS amount FROM {{ source('crm', 'lines') }} AS l WHERE l.amount > 0"),
        ("models/deals.sql", "SELECT d.day AS day, d.amount AS amount FROM {{ source('crm', 'deals') }} AS d"),
        ("models/events.sql", "SELECT l.day AS day, l.amount AS amount FROM {{ ref('lines') }} AS l UNION ALL SELECT d.day, d.amount FROM {{ ref('deals') }} AS d"),
        ("models/daily.sql", "SELECT e.day AS day, sum(e.amount) AS amount, count(*) AS n, min(e.amount) AS least FROM {{ ref('events') }} AS e GROUP BY e.day"),
        ("models/best.sql", "SELECT l.day AS day, max(l.amount) AS amount FROM {{ ref('lines') }} AS l GROUP BY l.day"),
        ("models/ranked.sql", "SELECT l.day AS day, b.amount AS best FROM {{ ref('lines') }} AS l LEFT JOIN {{ ref('best') }} AS b ON l.day = b.day"),
    ];

    fn project() -> Project {
        project_of(&MODELS)
    }

    fn project_of(models: &[(&str, &str)]) -> Project {
        let columns = "columns: [{name: day, data_type: bigint}, {name: amount, data_type: bigint}]";
        let sources = format!(
            "version: 2\nsources:\n  - name: crm\n    config: {{meta: {{external_location: lake}}}}\n    tables:\n      - {{name: lines, {columns}}}\n      - {{name: deals, {columns}}}\n"
        );
        let models = models.iter().map(|(name, sql)| ((*name).to_owned(), (*sql).to_owned())).chain([("models/sources.yml".to_owned(), sources)]);
        let files = ProjectFiles { project: "name: shop\n".to_owned(), models: models.collect(), ..ProjectFiles::default() };
        Project::parse(&files, &Settings::default()).unwrap()
    }

    fn rows(rows: &[(i64, Option<i64>)]) -> Relation {
        let days = Series::new("day".into(), rows.iter().map(|row| row.0).collect::<Vec<_>>());
        let amounts = Series::new("amount".into(), rows.iter().map(|row| row.1).collect::<Vec<_>>());
        let frame = DataFrame::new(rows.len(), vec![Column::from(days), Column::from(amounts)]).unwrap();
        let fields = ["day", "amount"].map(|name| Field::new(name, DataType::Int64, true));
        Relation { schema: Arc::new(Schema::new(fields.to_vec())), frame: frame.lazy() }
    }

    fn engine<'p>(project: &'p Project, lines: &[(i64, Option<i64>)], deals: &[(i64, Option<i64>)]) -> PolarsEngine<'p> {
        let sources = IndexMap::from([("crm.lines".to_owned(), rows(lines)), ("crm.deals".to_owned(), rows(deals))]);
        PolarsEngine::new(project, sources, Utc.timestamp_opt(0, 0).unwrap())
    }

    fn sets(names: &[&str]) -> Vec<BTreeSet<String>> {
        names.iter().map(|names| names.split(' ').map(str::to_owned).collect()).collect()
    }

    fn text(relation: &Relation) -> String {
        let rows = relation.frame.clone().collect().unwrap().sort(["day"], polars::prelude::SortMultipleOptions::default()).unwrap();
        (0..rows.height()).map(|row| rows.get(row).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn lots_are_of_sources_and_of_models_whose_rows_are_known() {
        let project = project();
        let whole = engine(&project, &[(1, Some(1))], &[(1, Some(1))]);
        let merges = vec![Merge::Key, Merge::Sum, Merge::Sum, Merge::Min];
        assert_eq!(whole.row_by_row("crm.lines").unwrap(), sets(&["crm.lines"]));
        assert_eq!(whole.row_by_row("events").unwrap(), sets(&["crm.deals crm.lines"]));
        assert_eq!(whole.row_by_row("daily").unwrap(), sets(&[]));
        assert_eq!(whole.grouped("daily").unwrap(), Some((sets(&["crm.deals crm.lines"]), merges.clone())));
        assert_eq!(whole.grouped("events").unwrap(), None);
        // `best` looks at all lines.
        assert_eq!(whole.row_by_row("ranked").unwrap(), sets(&[]));
        whole.put_lots("lines", vec![rows(&[(1, Some(1))]), rows(&[(2, Some(2))])]).unwrap();
        assert_eq!(whole.grouped("daily").unwrap(), Some((sets(&["crm.deals lines"]), merges)));
        assert_eq!((whole.known_lots("lines").unwrap().len(), whole.known_lots("deals").unwrap().len()), (2, 1));
        // Where `best` is known, it is not made of lines.
        whole.put("best", rows(&[(1, Some(1))]));
        assert_eq!(whole.row_by_row("ranked").unwrap(), sets(&["lines"]));
    }

    #[test]
    fn groups_of_lots_put_together_are_those_of_all_rows() {
        let project = project();
        let (lines, deals) = ([(1, Some(5)), (1, Some(7)), (2, Some(3)), (2, Some(-9)), (1, Some(2))], [(1, None), (3, None), (2, Some(4)), (3, None)]);
        let whole = Arc::new(engine(&project, &lines, &deals));
        let (of, merges) = whole.grouped("daily").unwrap().unwrap();
        let in_lots: BTreeSet<&str> = of[0].iter().map(String::as_str).collect();
        let mut found = Vec::new();
        for (lines, deals) in [(&lines[..2], &deals[..1]), (&lines[2..], &deals[1..2]), (&[], &deals[2..])] {
            found.push(engine(&project, lines, deals).with_models_of(&whole, whole.made_of_none(&in_lots)).relation("daily").unwrap());
        }
        let all = whole.relation("daily").unwrap();
        let merged = Relation::together(&all.schema, &found, "daily").unwrap().merged(&merges, "daily").unwrap();
        // Without an amount, the sum is null.
        assert_eq!(text(&all), "1 14 4 2, 2 7 2 3, 3 null 2 null");
        assert_eq!(text(&merged), text(&all));
        assert_eq!(merged.schema, all.schema);
    }

    #[test]
    fn a_model_that_several_read_has_rows_for_all_who_ask_for_it() {
        let models = [MODELS[0], MODELS[1], MODELS[2], MODELS[3], ("models/twice.sql", "SELECT e.day AS day FROM {{ ref('events') }} AS e")];
        let project = project_of(&models);
        for _ in 0..20 {
            let (whole, all) = (engine(&project, &[(1, Some(1)); 100], &[(1, Some(1))]), Barrier::new(4));
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        all.wait();
                        whole.relation("events").unwrap();
                        assert!(whole.has_rows("events"), "its rows are known to some and not to others");
                    });
                }
            });
        }
    }

    #[test]
    fn what_does_not_come_in_lots_is_that_of_all_rows() {
        let project = project();
        let whole = Arc::new(engine(&project, &[(1, Some(5)), (2, Some(6))], &[(1, Some(1)), (2, Some(1))]));
        whole.put("best", rows(&[(1, Some(50)), (2, Some(60))]));
        let apart = whole.made_of_none(&BTreeSet::from(["crm.lines"]));
        assert_eq!(apart, BTreeSet::from(["best".to_owned(), "deals".to_owned()]));
        let lot = engine(&project, &[(2, Some(6))], &[]).with_models_of(&whole, apart);
        assert_eq!(text(&lot.relation("ranked").unwrap()), "2 60");
    }
}
