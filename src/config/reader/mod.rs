//! Walks a tree of values, knows the path of each, and collects every mistake.
//!
//! A function that reads something returns `None` after it has reported why,
//! so `?` never loses a mistake; but a section asks for all of its fields
//! before it uses `?`, else the others would go unread.

mod section;

pub(super) use section::Section;

use std::cell::RefCell;

use super::mistake::{Mistake, escaped, quoted};
use super::value::Value;

/// Where mistakes and warnings are collected, and secrets are looked up.
pub(super) struct Report<'e> {
    env: &'e dyn Fn(&str) -> Option<String>,
    mistakes: RefCell<Vec<Mistake>>,
    warnings: RefCell<Vec<String>>,
}

impl<'e> Report<'e> {
    pub(super) fn new(env: &'e dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            env,
            mistakes: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    pub(super) fn into_parts(self) -> (Vec<Mistake>, Vec<String>) {
        (self.mistakes.into_inner(), self.warnings.into_inner())
    }

    fn mistake(&self, path: String, found: impl Into<String>, allowed: impl Into<String>) {
        self.mistakes.borrow_mut().push(Mistake {
            path,
            found: found.into(),
            allowed: allowed.into(),
        });
    }

    fn warning(&self, path: &str, text: &str) {
        self.warnings.borrow_mut().push(format!("{path}: {text}"));
    }
}

/// Reads the outermost value with `read`.
pub(super) fn read<T>(
    value: &Value,
    report: &Report<'_>,
    read: impl FnOnce(&mut Section<'_>) -> Option<T>,
) -> Option<T> {
    let path = String::new();
    let field = Field {
        report,
        path,
        value,
    };
    field.object(read)
}

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct Field<'a> {
    report: &'a Report<'a>,
    path: String,
    value: &'a Value,
}

impl<'a> Field<'a> {
    /// The value, for forms that only one field has.
    pub(super) const fn value(&self) -> &'a Value {
        self.value
    }

    /// Reports a mistake; always `None`, so that it can end a reading.
    pub(super) fn refuse<T>(
        &self,
        found: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Option<T> {
        let path = if self.path.is_empty() {
            "configuration".to_owned()
        } else {
            self.path.clone()
        };
        self.report.mistake(path, found, allowed);
        None
    }

    /// Reports something that works but is likely not meant.
    pub(super) fn warn(&self, text: &str) {
        self.report.warning(&self.path, text);
    }

    /// An environment variable of the VM.
    pub(super) fn env(&self, name: &str) -> Option<String> {
        (self.report.env)(name)
    }

    /// A string; other values are refused and, being no secret, shown.
    pub(super) fn text(&self, allowed: &str) -> Option<&'a str> {
        match self.value {
            Value::Text(text) => Some(text),
            // Plain YAML scalars such as `no`, `y` or `12` are not strings.
            Value::Bool(_) | Value::Number(_) => self.refuse(
                self.value.described(),
                format!("{allowed}; put quotes around it to make it a string"),
            ),
            other => self.refuse(other.kind(), allowed),
        }
    }

    /// A string that may be private; no value is shown.
    pub(super) fn private_text(&self, allowed: &str) -> Option<&'a str> {
        match self.value {
            Value::Text(text) => Some(text),
            other => self.refuse(other.kind(), allowed),
        }
    }

    /// A string that `check` accepts.
    pub(super) fn text_if(&self, check: impl Fn(&str) -> bool, allowed: &str) -> Option<&'a str> {
        let text = self.text(allowed)?;
        if check(text) {
            Some(text)
        } else {
            self.refuse(quoted(text), allowed)
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(*value),
            other => self.refuse(other.described(), "true or false"),
        }
    }

    /// A whole number from 0 to `max`. Envoy hands a YAML `5.0`, and integers
    /// beyond 32 bits, over as strings: these count as numbers, too.
    pub(super) fn whole_number(&self, max: u32) -> Option<u32> {
        let number = match self.value {
            Value::Number(number) => Some(*number),
            Value::Text(text)
                if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') =>
            {
                text.parse().ok()
            }
            _ => None,
        };
        match number {
            // Neither NaN nor an infinity gets past this comparison.
            Some(number) if number >= 0.0 && number <= f64::from(max) && number.fract() == 0.0 => {
                Some(number as u32)
            }
            _ => self.refuse(
                self.value.described(),
                format!("a whole number from 0 to {max}"),
            ),
        }
    }

    /// The items of a list of at most `max`.
    pub(super) fn items(&self, max: usize, allowed: &str) -> Option<Vec<Self>> {
        let Value::List(values) = self.value else {
            return self.refuse(self.value.kind(), allowed);
        };
        if values.len() > max {
            return self.refuse(
                format!("a list of {} entries", values.len()),
                format!("at most {max} entries"),
            );
        }
        let items = values.iter().enumerate();
        let items = items.map(|(index, value)| Field {
            report: self.report,
            path: format!("{}[{index}]", self.path),
            value,
        });
        Some(items.collect())
    }

    /// A list whose every item `read` accepts; the items are all read.
    pub(super) fn list<T>(
        &self,
        max: usize,
        allowed: &str,
        read: impl FnMut(Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let read_items: Vec<Option<T>> = self.items(max, allowed)?.into_iter().map(read).collect();
        read_items.into_iter().collect()
    }

    /// An object with known fields, read by `read`.
    pub(super) fn object<T>(&self, read: impl FnOnce(&mut Section<'a>) -> Option<T>) -> Option<T> {
        self.open("an object", false, read)
    }

    /// Like [`Field::object`] for objects that hold secrets: names that are
    /// not known are not shown, because `{value:x}` is a YAML key.
    pub(super) fn private_object<T>(
        &self,
        allowed: &str,
        read: impl FnOnce(&mut Section<'a>) -> Option<T>,
    ) -> Option<T> {
        self.open(allowed, true, read)
    }

    fn open<T>(
        &self,
        allowed: &str,
        private: bool,
        read: impl FnOnce(&mut Section<'a>) -> Option<T>,
    ) -> Option<T> {
        let Value::Object(members) = self.value else {
            return self.refuse(self.value.kind(), allowed);
        };
        let mut section = Section::new(self.report, self.path.clone(), members, private);
        let result = read(&mut section);
        section.finish();
        result
    }

    /// The members of an object with free names. A name that does not
    /// fit is not shown, because `{x-key:x}` is a YAML key; one that comes twice is the
    /// caller's to find.
    pub(super) fn members(
        &self,
        max: usize,
        allowed: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Option<Vec<(&'a str, Self)>> {
        let Value::Object(members) = self.value else {
            return self.refuse(self.value.kind(), allowed);
        };
        if members.len() > max {
            return self.refuse(
                format!("{} entries", members.len()),
                format!("at most {max} entries"),
            );
        }
        let fields = members.iter().map(|(name, value)| {
            let path = if fits(name) {
                join(&self.path, &escaped(name))
            } else {
                self.path.clone()
            };
            let field = Field {
                report: self.report,
                path,
                value,
            };
            (name.as_str(), field)
        });
        Some(fields.collect())
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
