//! YAML as a tree that remembers its lines, and how each text was written:
//! Envoy and Kubernetes read a plain `off` otherwise than a quoted one.
//! Anchors, aliases and merge keys are resolved.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// A value and the line on which it begins.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) data: Data,
    /// It is a mapping that took members from another by a merge key.
    merges: bool,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// A text; `plain` when it has neither quotes nor a tag.
    Text {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    /// Members in order; a name may come twice.
    Map(Vec<(String, Node)>),
}

/// What is wrong with a text that is no YAML.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) line: usize,
    pub(crate) why: String,
}

/// Deeper nesting is no configuration.
const MAX_DEPTH: usize = 100;
/// Aliases of aliases can make a small text huge.
const MAX_NODES: usize = 500_000;

/// The documents of a text, without empty ones.
pub(crate) fn documents(text: &str) -> Result<Vec<Node>, Broken> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Broken {
            line: error.marker().line(),
            why: format!("no YAML: {}", error.info()),
        })?;
        builder.take(event, span.start.line())?;
    }
    let mut documents = builder.documents;
    documents.retain(|document| !document.is_null());
    Ok(documents)
}

impl Node {
    /// The member of this name, the last one if there are several.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Data::Map(members) = &self.data else {
            return None;
        };
        let mut named = members.iter().filter(|(member, _)| member == name);
        named.next_back().map(|(_, node)| node)
    }

    /// The value at a path of members.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.get(name))
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text of a member.
    pub(crate) fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path)?.text()
    }

    /// The items of a list; of anything else none.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.data {
            Data::List(items) => items,
            _ => &[],
        }
    }

    /// The members of a mapping; of anything else none.
    pub(crate) fn members(&self) -> &[(String, Self)] {
        match &self.data {
            Data::Map(members) => members,
            _ => &[],
        }
    }

    /// Whether it is a mapping.
    pub(crate) const fn is_map(&self) -> bool {
        matches!(self.data, Data::Map(_))
    }

    /// Whether it is `~`, `null` or nothing at all.
    pub(crate) fn is_null(&self) -> bool {
        match &self.data {
            Data::Text { text, plain: true } => {
                matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            _ => false,
        }
    }

    /// The line of what stands at a path as the filter writes it
    /// (`routes[0].methods[1]`), or of what is nearest above it.
    pub(crate) fn line_of(&self, path: &str) -> usize {
        let mut node = self;
        for step in path.split(['.', '[']) {
            let next = match step.strip_suffix(']') {
                Some(index) => index.parse().ok().and_then(|i: usize| node.items().get(i)),
                None => node.get(step),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node.line
    }

    /// The line of the first mapping that has a merge key.
    pub(crate) fn first_merge(&self) -> Option<usize> {
        if self.merges {
            return Some(self.line);
        }
        let items = self.items().iter();
        let mut below = items.chain(self.members().iter().map(|(_, node)| node));
        below.find_map(Self::first_merge)
    }

    fn size(&self) -> usize {
        1 + match &self.data {
            Data::Text { .. } => 0,
            Data::List(items) => items.iter().map(Self::size).sum(),
            Data::Map(members) => members.iter().map(|(_, node)| node.size()).sum(),
        }
    }
}

/// A list or a mapping that has not ended yet.
struct Open {
    anchor: usize,
    line: usize,
    data: Data,
    key: Option<String>,
}

/// Makes trees of the parser's events.
#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Broken> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let text = text.into_owned();
                let data = Data::Text { text, plain };
                let node = Node {
                    line,
                    data,
                    merges: false,
                };
                self.finish(node, anchor, 1)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    let size = node.size();
                    self.finish(node, 0, size)
                }
                None => Err(broken(line, "an alias within the value that it names")),
            },
            Event::SequenceStart(anchor, _) => self.begin(anchor, line, Data::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.begin(anchor, line, Data::Map(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => {
                    let (data, merges) = merged(open.data, open.line)?;
                    let node = Node {
                        line: open.line,
                        data,
                        merges,
                    };
                    self.finish(node, open.anchor, 1)
                }
                None => Err(broken(line, "an end without a beginning")),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, line: usize, data: Data) -> Result<(), Broken> {
        if self.open.len() >= MAX_DEPTH {
            return Err(broken(line, "nested too deeply"));
        }
        self.open.push(Open {
            anchor,
            line,
            data,
            key: None,
        });
        Ok(())
    }

    /// `new`: how many nodes come with it that were not counted yet.
    fn finish(&mut self, node: Node, anchor: usize, new: usize) -> Result<(), Broken> {
        self.nodes += new;
        if self.nodes > MAX_NODES {
            return Err(broken(node.line, "too large"));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match (&mut open.data, open.key.take()) {
            (Data::List(items), _) => items.push(node),
            (Data::Map(members), Some(key)) => members.push((key, node)),
            (Data::Map(_), None) => match node.data {
                Data::Text { text, .. } => open.key = Some(text),
                _ => return Err(broken(node.line, "a key that is no text")),
            },
            (Data::Text { .. }, _) => {}
        }
        Ok(())
    }
}

/// A mapping with its merge keys resolved: what stands in it itself counts.
fn merged(data: Data, line: usize) -> Result<(Data, bool), Broken> {
    let Data::Map(members) = data else {
        return Ok((data, false));
    };
    let (merges, mut own): (Vec<_>, Vec<_>) =
        members.into_iter().partition(|(name, _)| name == "<<");
    let any = !merges.is_empty();
    for (_, node) in merges {
        let sources = match node.data {
            Data::List(items) => items,
            _ => vec![node],
        };
        for source in sources {
            let Data::Map(members) = source.data else {
                return Err(broken(line, "a merge key (<<) whose value is no mapping"));
            };
            for (name, node) in members {
                if !own.iter().any(|(known, _)| *known == name) {
                    own.push((name, node));
                }
            }
        }
    }
    Ok((Data::Map(own), any))
}

fn broken(line: usize, why: &str) -> Broken {
    let why = why.to_owned();
    Broken { line, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Node {
        documents(text).unwrap().remove(0)
    }

    #[test]
    fn anchors_and_merge_keys_are_resolved() {
        let node = one("a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}\nd: {<<: [{x: 4}, *a]}");
        assert_eq!(node.text_at(&["b", "x"]), Some("1"));
        assert_eq!(node.text_at(&["c", "x"]), Some("1"));
        assert_eq!(node.text_at(&["c", "y"]), Some("3"));
        assert_eq!(node.text_at(&["d", "x"]), Some("4"));
        assert_eq!(node.text_at(&["d", "y"]), Some("2"));
    }

    #[test]
    fn every_document_of_a_file_is_read_and_knows_its_lines() {
        let all = documents("a: 1\n---\n---\nb:\n- c: 2\n- d: [3, 4]\n").unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[1].line_of("b[1].d[1]"), 6);
        assert_eq!(all[1].line_of("b[0].nothing"), 5);
    }

    #[test]
    fn json_is_yaml() {
        let node = one("{\"a\":{\"b\":\"\\u0001\\n\"},\"c\":[\"d\",true]}");
        assert_eq!(node.text_at(&["a", "b"]), Some("\u{1}\n"));
        assert_eq!(node.get("c").unwrap().items().len(), 2);
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_line() {
        assert_eq!(documents("a: 1\nb: [\n").unwrap_err().line, 3);
        assert!(documents(&"[".repeat(5000)).is_err());
        let bomb: String = (1..30)
            .map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1))
            .collect();
        let bomb = format!("a0: &a0 [x]\n{bomb}");
        assert_eq!(documents(&bomb).unwrap_err().why, "too large");
    }
}
