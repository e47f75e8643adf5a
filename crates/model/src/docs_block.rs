//! Docs blocks: texts that descriptions take by name.
//!
//! In: `{% docs name %}…{% enddocs %}` in `.md` files, and YAML whose descriptions say `{{ doc('name') }}`.
//! Out: the same YAML with the texts in place; a block that does not end and a name without a block are faults.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::fault::{Faults, Place};
use crate::yaml::{Node, Value};

/// The blocks of a project by name.
#[derive(Debug, Default)]
pub(crate) struct DocsBlocks {
    blocks: BTreeMap<String, Block>,
}

#[derive(Debug)]
struct Block {
    text: String,
    place: Place,
}

impl DocsBlocks {
    /// Reads the blocks of one file and adds them; text around them is nobody's.
    pub(crate) fn read(&mut self, file: &str, text: &str, faults: &RefCell<Faults>) {
        let mut rest = text;
        while let Some((before, name, after)) = next_tag(rest, "docs") {
            let at = text.len() - rest.len() + before;
            let place = Place { file: file.to_owned(), line: text[..at].matches('\n').count() + 1 };
            let Some((end, _, behind)) = next_tag(after, "enddocs") else {
                faults.borrow_mut().add(&place, format!("docs block `{name}` has no `{{% enddocs %}}`"));
                return;
            };
            rest = behind;
            if name.is_empty() {
                faults.borrow_mut().add(&place, "docs block without a name");
            } else if let Some(first) = self.blocks.get(name) {
                let message = format!("docs block `{name}` is already defined at {}:{}", first.place.file, first.place.line);
                faults.borrow_mut().add(&place, message);
            } else {
                self.blocks.insert(name.to_owned(), Block { text: after[..end].trim().to_owned(), place });
            }
        }
    }

    /// Puts the texts into every description of a YAML tree.
    pub(crate) fn fill(&self, file: &str, node: &mut Node, faults: &RefCell<Faults>) {
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.fill(file, item, faults)),
            Value::Map(entries) => {
                for entry in entries {
                    match &mut entry.node.value {
                        Value::Text(text) if entry.key == "description" => {
                            let place = Place { file: file.to_owned(), line: entry.node.line };
                            *text = self.filled(text, &place, faults);
                        }
                        _ => self.fill(file, &mut entry.node, faults),
                    }
                }
            }
            _ => {}
        }
    }

    fn filled(&self, text: &str, place: &Place, faults: &RefCell<Faults>) -> String {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, tail)) = rest.split_once("{{") {
            let found = tail.split_once("}}").and_then(|(inside, after)| Some((name_in(inside)?, after)));
            let Some((name, after)) = found else {
                // Braces that call nothing of ours stay as they are.
                filled.push_str(before);
                filled.push_str("{{");
                rest = tail;
                continue;
            };
            filled.push_str(before);
            match self.blocks.get(name) {
                Some(block) => filled.push_str(&block.text),
                None => faults.borrow_mut().unknown(place, "docs block", name, self.blocks.keys().map(String::as_str)),
            }
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

/// The first tag of a kind: where it starts, the word after its kind, and the text behind it.
fn next_tag<'a>(text: &'a str, kind: &str) -> Option<(usize, &'a str, &'a str)> {
    let mut from = 0;
    while let Some(start) = text[from..].find("{%").map(|at| from + at) {
        let (inside, behind) = text[start + 2..].split_once("%}")?;
        let mut words = inside.trim_matches(['-', '+']).split_whitespace();
        if words.next() == Some(kind) {
            return Some((start, words.next().unwrap_or_default(), behind));
        }
        from = start + 2;
    }
    None
}

/// The name in `doc('name')` or `doc('package', 'name')`.
fn name_in(call: &str) -> Option<&str> {
    let given = call.trim().strip_prefix("doc")?.trim_start().strip_prefix('(')?.strip_suffix(')')?;
    given.split(',').next_back().map(|word| word.trim().trim_matches(['\'', '"']))
}

#[cfg(test)]
mod tests {
    use crate::project::{Project, ProjectFiles, Settings};

    fn parse(markdown: &str, description: &str) -> Result<Project, String> {
        let models = [
            ("models/orders.sql".to_owned(), "SELECT 1 AS order_id".to_owned()),
            ("models/orders.yml".to_owned(), format!("models:\n  - name: orders\n    description: \"{description}\"\n")),
            ("models/words.md".to_owned(), markdown.to_owned()),
        ];
        let files = ProjectFiles { project: "name: shop\n".to_owned(), models: models.into(), ..ProjectFiles::default() };
        Project::parse(&files, &Settings::default()).map_err(|error| error.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn a_description_takes_a_text_by_name() {
        let project = parse(
            "# Words\n\n{% docs order %}\nAn order: 주문.\n{% enddocs %}\n{%- docs line -%}a line{%- enddocs -%}\n",
            "{{ doc('order') }} It has {{doc(\\\"shop\\\", \\\"line\\\")}}.",
        )
        .unwrap();
        assert_eq!(project.models["orders"].description, "An order: 주문. It has a line.");
    }

    #[test]
    fn other_braces_stay() {
        let project = parse("", "as {{ this }} and {{").unwrap();
        assert_eq!(project.models["orders"].description, "as {{ this }} and {{");
    }

    #[test]
    fn every_fault_of_docs_blocks_is_found() {
        let faults = parse("{% docs order %}a{% enddocs %}\n{% docs order %}b{% enddocs %}\n{% docs %}c{% enddocs %}\n{% docs open %}\n", "{{ doc('ordr') }}").unwrap_err();
        assert_eq!(
            faults,
            "models/orders.yml:3: unknown docs block `ordr`
  hint: did you mean `order`?
models/words.md:2: docs block `order` is already defined at models/words.md:1
models/words.md:3: docs block without a name
models/words.md:4: docs block `open` has no `{% enddocs %}`"
        );
    }
}
