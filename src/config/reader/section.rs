//! An object with known fields: reads them, and refuses the others.

use super::{Field, Report, join};
use crate::config::mistake::{escaped, quoted};
use crate::config::value::Value;

/// An object with known fields; knows which were asked for.
pub(in crate::config) struct Section<'a> {
    report: &'a Report<'a>,
    path: String,
    members: &'a [(String, Value)],
    private: bool,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(super) const fn new(
        report: &'a Report<'a>,
        path: String,
        members: &'a [(String, Value)],
        private: bool,
    ) -> Self {
        Self {
            report,
            path,
            members,
            private,
            known: Vec::new(),
        }
    }

    /// The named field, if it is there.
    fn get(&mut self, name: &'static str) -> Option<Field<'a>> {
        self.known.push(name);
        let mut named = self.members.iter().filter(|(member, _)| member == name);
        let (_, value) = named.next()?;
        if named.next().is_some() {
            let path = join(&self.path, name);
            self.report
                .mistake(path, "this field twice", "each field once");
        }
        Some(Field {
            report: self.report,
            path: join(&self.path, name),
            value,
        })
    }

    /// A field that has a default.
    pub(in crate::config) fn or<T>(
        &mut self,
        name: &'static str,
        default: T,
        read: impl FnOnce(Field<'a>) -> Option<T>,
    ) -> Option<T> {
        match self.get(name) {
            Some(field) => read(field),
            None => Some(default),
        }
    }

    /// A field that may be absent: `Some(None)`.
    pub(in crate::config) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Field<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.get(name) {
            Some(field) => read(field).map(Some),
            None => Some(None),
        }
    }

    /// A field that must be there.
    pub(in crate::config) fn required<T>(
        &mut self,
        name: &'static str,
        allowed: &str,
        read: impl FnOnce(Field<'a>) -> Option<T>,
    ) -> Option<T> {
        match self.get(name) {
            Some(field) => read(field),
            None => self.refuse(
                name,
                "nothing",
                format!("{allowed} (this field is required)"),
            ),
        }
    }

    /// A sub-section; an absent one is like an empty one.
    pub(in crate::config) fn section<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        static EMPTY: Value = Value::Object(Vec::new());
        let field = self.get(name).unwrap_or(Field {
            report: self.report,
            path: join(&self.path, name),
            value: &EMPTY,
        });
        field.object(read)
    }

    /// Refuses each of the named fields whose value is that of an earlier one.
    pub(in crate::config) fn distinct<const N: usize>(
        &self,
        names: [&str; N],
        values: &[Option<String>; N],
        allowed: &str,
    ) -> bool {
        let mut distinct = true;
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for (name, value) in names.into_iter().zip(values) {
            let Some(value) = value else { continue };
            if let Some((_, other)) = seen.iter().find(|(earlier, _)| earlier == value) {
                distinct = false;
                self.refuse::<()>(name, format!("{}, as in {other}", quoted(value)), allowed);
            }
            seen.push((value, name));
        }
        distinct
    }

    /// Reports a mistake in the field `name`; always `None`.
    pub(in crate::config) fn refuse<T>(
        &self,
        name: &str,
        found: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Option<T> {
        self.report.mistake(join(&self.path, name), found, allowed);
        None
    }

    /// Reports a mistake in the object as a whole; always `None`.
    pub(in crate::config) fn refuse_whole<T>(
        &self,
        found: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Option<T> {
        self.report.mistake(self.path.clone(), found, allowed);
        None
    }

    /// Reports something about the field `name` that is likely not meant.
    pub(in crate::config) fn warn(&self, name: &str, text: &str) {
        self.report.warning(&join(&self.path, name), text);
    }

    /// Refuses the members that nobody asked for.
    pub(super) fn finish(&self) {
        for (name, _) in self.members {
            if self.known.contains(&name.as_str()) {
                continue;
            }
            let mut found = "an unknown field".to_owned();
            if let Some(near) = nearest(name, &self.known) {
                found.push_str(&format!(" (did you mean \"{near}\"?)"));
            }
            let path = if self.private {
                found.push_str(" (its name is not shown: it may hold a secret)");
                self.path.clone()
            } else {
                let shown = if name.is_empty() {
                    "(empty)".to_owned()
                } else {
                    escaped(name)
                };
                join(&self.path, &shown)
            };
            self.report.mistake(path, found, self.known.join(", "));
        }
    }
}

/// The known name that was likely meant: `maxAge`, `max-age` and `max_agee`
/// all mean `max_age`.
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    // Longer than any field's name; also bounds the comparison.
    if name.len() > 32 {
        return None;
    }
    let plain = |name: &str| name.replace(['_', '-'], "").to_ascii_lowercase();
    let distance = |candidate: &str| strsim::damerau_levenshtein(&plain(name), &plain(candidate));
    let nearest = known.iter().min_by_key(|candidate| distance(candidate))?;
    let near_enough = distance(nearest) <= nearest.len().min(8) / 3;
    near_enough.then_some(*nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_given_for_a_near_name_only() {
        let known = ["max_sessions", "max_age", "max_stale", "key"];
        assert_eq!(nearest("maxAge", &known), Some("max_age"));
        assert_eq!(nearest("max_satle", &known), Some("max_stale"));
        assert_eq!(nearest("kye", &known), Some("key"));
        assert_eq!(nearest("redis", &known), None);
        assert_eq!(nearest("", &known), None);
        assert_eq!(nearest(&"max_age".repeat(9), &known), None);
    }
}
