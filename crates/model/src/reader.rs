//! Reads a YAML mapping key by key and reports what nobody asked for.
//!
//! In: a [`Node`], the file it came from, the list of faults. Out: typed values; every wrong type, missing and unknown key becomes a fault.
//! A reader never stops at a fault: what cannot be read is `None`, and reading goes on.

use std::cell::RefCell;

use crate::fault::{Faults, Place};
use crate::yaml::{Node, Value};

/// A mapping being read.
pub(crate) struct MapReader<'a> {
    node: &'a Node,
    file: &'a str,
    /// What the mapping is, for messages: ``metric `win_rate` ``.
    what: String,
    asked: RefCell<Vec<&'static str>>,
    faults: &'a RefCell<Faults>,
}

impl<'a> MapReader<'a> {
    /// Starts to read; anything but a mapping is a fault and reads as an empty one.
    pub(crate) fn new(node: &'a Node, file: &'a str, what: impl Into<String>, faults: &'a RefCell<Faults>) -> Self {
        let reader = Self { node, file, what: what.into(), asked: RefCell::new(Vec::new()), faults };
        if !matches!(node.value, Value::Map(_)) {
            reader.fault(node.line, format!("{}: expected a mapping, found {}", reader.what, node.kind()));
        }
        reader
    }

    /// A reader of a node in the same file.
    pub(crate) fn nested(&self, node: &'a Node, what: impl Into<String>) -> Self {
        Self::new(node, self.file, what, self.faults)
    }

    /// Renames what is read once its name is known.
    pub(crate) fn named(mut self, what: impl Into<String>) -> Self {
        self.what = what.into();
        self
    }

    /// What the mapping is, for messages.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// The place where the mapping starts.
    pub(crate) fn place(&self) -> Place {
        self.place_at(self.node.line)
    }

    /// The place of a key's value, or of the mapping.
    pub(crate) fn place_of(&self, key: &str) -> Place {
        self.place_at(self.node.get(key).map_or(self.node.line, |node| node.line))
    }

    /// A place in the file that is read.
    pub(crate) fn place_at(&self, line: usize) -> Place {
        Place { file: self.file.to_owned(), line }
    }

    /// Reports a fault at a line of this file.
    pub(crate) fn fault(&self, line: usize, message: impl Into<String>) {
        self.faults.borrow_mut().add(&self.place_at(line), message);
    }

    /// Reports an unknown name at a key, with the nearest valid one.
    pub(crate) fn unknown<'n>(&self, key: &str, what: &str, name: &str, valid: impl IntoIterator<Item = &'n str>) {
        self.faults.borrow_mut().unknown(&self.place_of(key), what, name, valid);
    }

    /// Reports an unknown name at a line, with the nearest valid one.
    pub(crate) fn unknown_at<'n>(&self, line: usize, what: &str, name: &str, valid: impl IntoIterator<Item = &'n str>) {
        self.faults.borrow_mut().unknown(&self.place_at(line), what, name, valid);
    }

    /// Reports a fault with a hint.
    pub(crate) fn fault_with_hint(&self, line: usize, message: impl Into<String>, hint: impl Into<String>) {
        self.faults.borrow_mut().add_with_hint(&self.place_at(line), message, hint);
    }

    /// The node of a key, whatever it is; null counts as absent.
    pub(crate) fn node(&self, key: &'static str) -> Option<&'a Node> {
        self.asked.borrow_mut().push(key);
        self.node.get(key).filter(|node| node.value != Value::Null)
    }

    /// Marks keys as known that dbt has and that mean nothing here.
    pub(crate) fn ignore(&self, keys: &[&'static str]) {
        self.asked.borrow_mut().extend_from_slice(keys);
    }

    /// A scalar as text.
    pub(crate) fn text(&self, key: &'static str) -> Option<String> {
        let node = self.node(key)?;
        let text = node.text();
        if text.is_none() {
            self.wrong(key, node, "text");
        }
        text
    }

    /// A scalar that must be there, as text.
    pub(crate) fn required(&self, key: &'static str) -> Option<String> {
        if self.node(key).is_none() {
            self.fault(self.node.line, format!("{}: missing key `{key}`", self.what));
            return None;
        }
        self.text(key)
    }

    /// A boolean.
    pub(crate) fn boolean(&self, key: &'static str) -> Option<bool> {
        let node = self.node(key)?;
        if let Value::Boolean(b) = node.value {
            Some(b)
        } else {
            self.wrong(key, node, "true or false");
            None
        }
    }

    /// A whole number.
    pub(crate) fn integer(&self, key: &'static str) -> Option<i64> {
        let node = self.node(key)?;
        if let Value::Integer(i) = node.value {
            Some(i)
        } else {
            self.wrong(key, node, "a whole number");
            None
        }
    }

    /// A number.
    pub(crate) fn number(&self, key: &'static str) -> Option<f64> {
        let node = self.node(key)?;
        match node.value {
            Value::Float(f) => Some(f),
            #[expect(clippy::cast_precision_loss, reason = "ranks and thresholds are small")]
            Value::Integer(i) => Some(i as f64),
            _ => {
                self.wrong(key, node, "a number");
                None
            }
        }
    }

    /// The items of a list; an absent key is an empty one.
    pub(crate) fn list(&self, key: &'static str) -> &'a [Node] {
        match self.node(key) {
            None => &[],
            Some(node) => {
                if !matches!(node.value, Value::List(_)) {
                    self.wrong(key, node, "a list");
                }
                node.items()
            }
        }
    }

    /// A list of scalars as texts with their lines; one scalar counts as a list of one.
    pub(crate) fn texts(&self, key: &'static str) -> Vec<(String, usize)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut texts = Vec::new();
        for item in items {
            match item.text() {
                Some(text) => texts.push((text, item.line)),
                None => self.wrong(key, item, "a list of names"),
            }
        }
        texts
    }

    /// A nested mapping.
    pub(crate) fn map(&self, key: &'static str) -> Option<Self> {
        self.node(key).map(|node| self.nested(node, format!("{} `{key}`", self.what)))
    }

    /// Reports every key that was not asked for.
    pub(crate) fn finish(&self) {
        let asked = self.asked.borrow();
        for entry in self.node.entries() {
            if !asked.contains(&entry.key.as_str()) {
                let what = format!("key in {}:", self.what);
                let place = self.place_at(entry.line);
                self.faults.borrow_mut().unknown(&place, &what, &entry.key, asked.iter().copied());
            }
        }
    }

    fn wrong(&self, key: &str, node: &Node, expected: &str) {
        self.fault(node.line, format!("{}: key `{key}`: expected {expected}, found {}", self.what, node.kind()));
    }
}
