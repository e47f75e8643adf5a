//! Rows of models that are made lot by lot, of lots of the rows that they read, through all models between.
//!
//! In: an engine over all rows. Out: of what the rows come in lots, the models that lots do not touch, and groups of several lots put together.

use std::collections::BTreeSet;

use polars::prelude::{DataFrame, Expr, IntoLazy, NULL, UniqueKeepStrategy, col, lit, when};
use quotient_model::Model;

use crate::error::MetricsError;
use crate::fact::collect;
use crate::polars_engine::PolarsEngine;
use crate::sql::{FirstsOf, Merge, Part, Relation, Sets, SqlModel, firsts_of, grouped, lower_firsts, lower_over_firsts, row_by_row, together};

/// Rows of which a model takes the first ones, as far as these can be first.
#[derive(Debug, Default)]
pub struct FirstRows(Option<DataFrame>);

impl FirstRows {
    /// How many they are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, |rows| u64::try_from(rows.height()).unwrap_or(u64::MAX))
    }
}

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

    /// Of a model that takes first rows of others these others: of what they come in lots, and all that the model is made of beside.
    ///
    /// # Errors
    /// SQL that does not bind or is not supported.
    pub fn firsts(&self, name: &str) -> Result<Option<(Sets, BTreeSet<String>)>, MetricsError> {
        let Some(model) = self.made(name) else { return Ok(None) };
        let Some(FirstsOf { sets, beside }) = self.query_of_model(model, firsts_of)? else { return Ok(None) };
        Ok(Some((self.through_models(model, sets)?, beside.iter().flat_map(|read| self.made_of(read)).collect())))
    }

    /// The first rows of a model among those here and those that were first before.
    ///
    /// # Errors
    /// Rows that cannot be computed.
    pub fn first_rows(&self, name: &str, before: FirstRows) -> Result<FirstRows, MetricsError> {
        let Some(model) = self.made(name) else { return Ok(before) };
        let before = before.0.map(IntoLazy::lazy);
        let firsts = self.query_of_model(model, |query, relations| lower_firsts(query, relations, before.as_ref()))?;
        firsts.map(|rows| collect(rows, name, "find its first rows")).transpose().map(FirstRows)
    }

    /// A model lowered over first rows that are known.
    ///
    /// # Errors
    /// SQL that does not bind or is not supported.
    pub fn over_firsts(&self, model: &Model, firsts: FirstRows) -> Result<Relation, MetricsError> {
        let Some(firsts) = firsts.0.map(IntoLazy::lazy) else { return self.lowered(&model.name) };
        self.query_of_model(model, |query, relations| lower_over_firsts(query, relations, &firsts))
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
    #[must_use]
    pub fn made_of(&self, name: &str) -> BTreeSet<String> {
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

    use super::FirstRows;
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

    /// A project with `best`, and a model of the highest amounts of lines and deals of a day.
    fn highest(sql: &str) -> Project {
        let ranked = "WITH e AS (SELECT l.day, l.amount, 1 AS kind FROM {{ source('crm', 'lines') }} AS l UNION ALL SELECT d.day, d.amount, 2 AS kind FROM {{ ref('deals') }} AS d), \
                      r AS (SELECT e.day, e.amount, e.kind, row_number() OVER (PARTITION BY e.day ORDER BY e.amount DESC NULLS LAST) AS place FROM e) ";
        let sql = format!("{ranked} {sql}");
        project_of(&[MODELS[0], MODELS[1], MODELS[4], ("models/highest.sql", &sql)])
    }

    const HIGHEST: &str = "SELECT f.day AS day, f.amount AS amount, f.kind AS kind, b.amount AS best FROM (SELECT r.day, r.amount, r.kind FROM r WHERE r.place = 1) AS f LEFT JOIN {{ ref('best') }} AS b ON f.day = b.day";

    #[test]
    fn first_rows_of_lots_put_together_are_those_of_all_rows() {
        let project = highest(HIGHEST);
        let (lines, deals) = ([(3, None), (2, Some(3)), (1, Some(7)), (1, Some(5)), (2, Some(9))], [(1, Some(7)), (2, Some(9)), (3, None), (4, None)]);
        let whole = Arc::new(engine(&project, &lines, &deals));
        assert_eq!(whole.firsts("highest").unwrap().unwrap().0, sets(&[]), "`best` looks at all lines");
        whole.put("best", rows(&[(1, Some(50)), (4, Some(40))]));
        let (of, beside) = whole.firsts("highest").unwrap().unwrap();
        assert_eq!((of.clone(), beside), (sets(&["crm.deals crm.lines"]), BTreeSet::from(["best".to_owned()])));
        // A line stands before a deal that is equal to it, in whatever lot that comes.
        let expected = "1 7 1 50, 2 9 1 null, 3 null 1 null, 4 null 2 40";
        assert_eq!(text(&whole.relation("highest").unwrap()), expected);
        let in_lots: BTreeSet<&str> = of[0].iter().map(String::as_str).collect();
        let mut lots = vec![(&lines[..2], &deals[..2]), (&lines[2..4], &deals[2..]), (&lines[4..], &[])];
        for _ in 0..2 {
            let mut firsts = FirstRows::default();
            for (lines, deals) in &lots {
                let lot = engine(&project, lines, deals).with_models_of(&whole, whole.made_of_none(&in_lots));
                firsts = lot.first_rows("highest", firsts).unwrap();
            }
            assert_eq!(firsts.count(), 4);
            let found = whole.over_firsts(&project.models["highest"], firsts).unwrap();
            assert_eq!(text(&found), expected);
            assert_eq!(found.schema, whole.relation("highest").unwrap().schema);
            lots.reverse();
        }
    }

    #[test]
    fn rows_that_are_equal_by_their_order_are_told_apart_by_all_else_in_lots_too() {
        // A union of three is one of a union and a third; the rows of `events` are those of a union too.
        let of_three = "SELECT l.day, l.amount, 3 AS kind FROM {{ source('crm', 'lines') }} AS l UNION ALL SELECT d.day, d.amount, 2 AS kind FROM {{ ref('deals') }} AS d UNION ALL SELECT e.day, e.amount, 1 AS kind FROM {{ ref('events') }} AS e";
        let sql = format!(
            "SELECT r.day AS day, r.amount AS amount, r.kind AS kind FROM (SELECT e.day, e.amount, e.kind, row_number() OVER (PARTITION BY e.day ORDER BY e.amount DESC NULLS LAST) AS place FROM ({of_three}) AS e) AS r WHERE r.place = 1"
        );
        let project = project_of(&[MODELS[0], MODELS[1], MODELS[2], ("models/highest.sql", &sql)]);
        let (lines, deals) = ([(1, Some(7)), (2, Some(-3))], [(1, Some(7)), (2, Some(-3)), (3, Some(4))]);
        let whole = Arc::new(engine(&project, &lines, &deals));
        let expected = "1 7 1, 2 -3 1, 3 4 1";
        assert_eq!(text(&whole.relation("highest").unwrap()), expected);
        assert_eq!(whole.firsts("highest").unwrap().unwrap().0, sets(&["crm.deals crm.lines"]));
        for lots in [[(&lines[..0], &deals[..]), (&lines[..], &[])], [(&lines[..], &[]), (&lines[..0], &deals[..])]] {
            let lots = lots.map(|(lines, deals)| engine(&project, lines, deals));
            let firsts = lots.iter().fold(FirstRows::default(), |firsts, lot| lot.first_rows("highest", firsts).unwrap());
            assert_eq!(text(&whole.over_firsts(&project.models["highest"], firsts).unwrap()), expected);
        }
    }

    #[test]
    fn first_rows_are_found_in_lots_where_they_are_wanted_once_and_alone() {
        for sql in [
            // Twice, of second rows, of these beside first ones, and of each row that another one asks for.
            "SELECT f.day AS day, s.amount AS amount FROM (SELECT r.day FROM r WHERE r.place = 1) AS f JOIN (SELECT r.amount FROM r WHERE r.place = 1) AS s ON f.day = s.amount",
            "SELECT r.day AS day, r.amount AS amount FROM r WHERE r.place = 2",
            "SELECT f.day AS day, s.amount AS amount FROM (SELECT r.day FROM r WHERE r.place = 1) AS f JOIN (SELECT r.day, r.amount FROM r WHERE r.place = 2) AS s ON f.day = s.day",
            "SELECT d.day AS day, d.amount AS amount FROM {{ ref('deals') }} AS d WHERE EXISTS (SELECT 1 FROM r WHERE r.place = 1 AND r.day = d.day)",
        ] {
            let project = highest(sql);
            assert_eq!(engine(&project, &[(1, Some(1))], &[(1, Some(1))]).firsts("highest").unwrap(), None, "{sql}");
        }
        let project = highest("SELECT r.day AS day, r.amount AS amount FROM r WHERE r.place = 1 AND r.amount > (SELECT min(l.amount) FROM {{ source('crm', 'lines') }} AS l)");
        let (of, beside) = engine(&project, &[(1, Some(1))], &[(1, Some(1))]).firsts("highest").unwrap().unwrap();
        assert_eq!((of, beside), (sets(&["crm.deals crm.lines"]), BTreeSet::from(["crm.lines".to_owned()])), "lines are read beside");
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
