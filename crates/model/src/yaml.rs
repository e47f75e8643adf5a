//! YAML as a tree whose every node knows its line.
//!
//! In: text of one file. Out: a [`Node`], or a fault with the line where the text stops being YAML.
//! Reading a tree into our types is `reader`'s work; this file knows nothing of projects.

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};

/// A YAML value with the line that it starts on.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Line from 1.
    pub line: usize,
    /// The value.
    pub value: Value,
}

/// The kinds of YAML value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or exponent.
    Float(f64),
    /// Text, dates among it.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
}

/// One key of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key as text.
    pub key: String,
    /// Line of the key.
    pub line: usize,
    /// The value.
    pub node: Node,
}

impl Node {
    /// Parses one document; an empty text is null.
    ///
    /// # Errors
    /// The line and what the parser says, where the text is not YAML.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let documents = MarkedYaml::load_from_str(text).map_err(|e| (e.marker().line(), e.info().to_owned()))?;
        match documents.as_slice() {
            [] => Ok(Self { line: 1, value: Value::Null }),
            [one] => convert(one),
            [_, second, ..] => Err((second.span.start.line(), "expected one YAML document, found more".to_owned())),
        }
    }

    /// What kind of value this is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Boolean(_) => "a boolean",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The value of a key, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.node),
            _ => None,
        }
    }

    /// The entries of a mapping; none for any other value.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for any other value.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// A scalar as the text that a person would write; `None` for lists and mappings.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match &self.value {
            Value::Null => Some(String::new()),
            Value::Boolean(b) => Some(b.to_string()),
            Value::Integer(i) => Some(i.to_string()),
            Value::Float(f) => Some(f.to_string()),
            Value::Text(t) => Some(t.clone()),
            Value::List(_) | Value::Map(_) => None,
        }
    }
}

fn convert(node: &MarkedYaml<'_>) -> Result<Node, (usize, String)> {
    let line = node.span.start.line().max(1);
    let value = match &node.data {
        YamlData::Value(scalar) => scalar_value(scalar),
        YamlData::Sequence(items) => Value::List(items.iter().map(convert).collect::<Result<_, _>>()?),
        YamlData::Mapping(map) => {
            let mut entries = Vec::with_capacity(map.len());
            for (key, value) in map {
                let key_node = convert(key)?;
                let Some(text) = key_node.text() else {
                    return Err((key_node.line, "expected a plain key, found a nested one".to_owned()));
                };
                entries.push(Entry { key: text, line: key_node.line, node: convert(value)? });
            }
            Value::Map(entries)
        }
        YamlData::Tagged(_, inner) => convert(inner)?.value,
        YamlData::Representation(text, _, _) => Value::Text(text.to_string()),
        YamlData::Alias(_) | YamlData::BadValue => return Err((line, "expected a value, found something that is not YAML".to_owned())),
    };
    Ok(Node { line, value })
}

fn scalar_value(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(b) => Value::Boolean(*b),
        Scalar::Integer(i) => Value::Integer(*i),
        Scalar::FloatingPoint(f) => Value::Float(f.into_inner()),
        Scalar::String(s) => Value::Text(s.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Node, Value};

    #[test]
    fn every_node_knows_its_line() {
        let node = Node::parse("a: 1\nb:\n  - x\n  - {c: 매출}\n").unwrap();
        assert_eq!(node.get("a").unwrap().line, 1);
        let items = node.get("b").unwrap().items();
        assert_eq!(items[1].line, 4);
        assert_eq!(items[1].get("c").unwrap().value, Value::Text("매출".to_owned()));
    }

    #[test]
    fn text_that_is_not_yaml_names_its_line() {
        let (line, message) = Node::parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
        assert!(line >= 2, "{line}: {message}");
    }

    #[test]
    fn dates_stay_text_and_empty_is_null() {
        assert_eq!(Node::parse("2024-01-01").unwrap().value, Value::Text("2024-01-01".to_owned()));
        assert_eq!(Node::parse("").unwrap().value, Value::Null);
    }
}
