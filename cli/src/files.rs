//! The command `check`: reads files, and writes down what is wrong in them.

use std::io::Read as _;

use crate::check::{self, Lifetimes};
use crate::find::{self, Home, Plugin};
use crate::finding::{Finding, Grade};
use crate::style::Style;
use crate::yaml::{self, Node};

/// What there is to print, and what came of it.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) text: String,
    pub(crate) plugins: usize,
    pub(crate) mistakes: usize,
    pub(crate) warnings: usize,
    /// How many files could not be read.
    pub(crate) unreadable: usize,
}

/// Reads a file, or standard input for `-`; why it cannot comes without the name.
pub(crate) fn read(name: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let result = if name == "-" {
        std::io::stdin().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(name).map(|read| bytes = read)
    };
    result.map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "no text in UTF-8".to_owned())
}

impl Report {
    /// Checks one file, or standard input for `-`, and writes about it.
    pub(crate) fn file(&mut self, name: &str, lifetimes: Lifetimes, style: Style) {
        let shown = if name == "-" { "standard input" } else { name };
        self.line(&style.bold(shown));
        match read(name) {
            Ok(text) => self.content(&text, lifetimes, style),
            Err(why) => {
                self.unreadable += 1;
                let mark = style.red("unreadable");
                self.line(&format!("  {mark}  {why}"));
            }
        }
    }

    fn content(&mut self, text: &str, lifetimes: Lifetimes, style: Style) {
        let before = self.plugins;
        match yaml::documents(text) {
            Ok(documents) => {
                let whole = (documents.len() == 1).then_some(text);
                for document in &documents {
                    self.document(document, whole, lifetimes, style);
                    self.config_map(document, lifetimes, style);
                }
                if self.plugins == before {
                    self.line("  no Token Relay in it");
                }
            }
            Err(broken) => {
                self.mistakes += 1;
                let mark = style.red("mistake");
                let why = check::plain(&broken.why);
                self.line(&format!("  {mark}  line {}  {why}", broken.line));
            }
        }
    }

    fn document(
        &mut self,
        document: &Node,
        whole: Option<&str>,
        lifetimes: Lifetimes,
        style: Style,
    ) {
        let plugins = find::plugins(document, whole);
        for plugin in &plugins {
            let findings = check::judge(plugin, lifetimes);
            self.plugin(plugin, &findings, style);
        }
        if let Some(finding) = merges(document, &plugins) {
            self.mistakes += 1;
            self.findings(&[finding], style);
        }
    }

    /// The files in a `ConfigMap`, which is how a proxy of one's own gets its
    /// configuration in Kubernetes.
    fn config_map(&mut self, document: &Node, lifetimes: Lifetimes, style: Style) {
        if document.text_at(&["kind"]) != Some("ConfigMap") {
            return;
        }
        for (name, node) in document.get("data").map_or(&[][..], Node::members) {
            // What is no YAML is none of ours.
            let documents = node.text().and_then(|text| yaml::documents(text).ok());
            let documents = documents.unwrap_or_default();
            if !documents
                .iter()
                .any(|one| !find::plugins(one, None).is_empty())
            {
                continue;
            }
            let name = check::plain(name);
            self.line(&format!(
                "  ConfigMap, {name} from line {} on, with its own lines",
                node.line
            ));
            for document in &documents {
                self.document(document, None, lifetimes, style);
            }
        }
    }

    fn plugin(&mut self, plugin: &Plugin<'_>, findings: &[Finding], style: Style) {
        let count = |grade| findings.iter().filter(|f| f.grade == grade).count();
        let (mistakes, warnings) = (count(Grade::Mistake), count(Grade::Warning));
        self.plugins += 1;
        self.mistakes += mistakes;
        self.warnings += warnings;
        let verdict = if findings.is_empty() {
            style.green("ok")
        } else {
            counted(mistakes, warnings)
        };
        let title = check::plain(&plugin.title);
        self.line(&format!("  {title}, line {}: {verdict}", plugin.line));
        if findings.is_empty() {
            return;
        }
        if !plugin.place.is_empty() {
            self.line(&format!("    {}", style.dim(&check::plain(&plugin.place))));
        }
        self.findings(findings, style);
    }

    fn findings(&mut self, findings: &[Finding], style: Style) {
        let width = findings.iter().map(|f| f.line.to_string().len()).max();
        let width = width.unwrap_or(0);
        for finding in findings {
            let mark = match finding.grade {
                Grade::Mistake => style.red("mistake"),
                Grade::Warning => style.yellow("warning"),
            };
            let Finding {
                line, path, found, ..
            } = finding;
            let path = style.bold(path);
            self.line(&format!("    {mark}  line {line:>width$}  {path}: {found}"));
            if let Some(allowed) = &finding.allowed {
                self.line(&format!("{:indent$}{allowed}", "", indent = 20 + width));
            }
        }
    }

    /// The last line.
    pub(crate) fn summary(&mut self, files: usize, style: Style) {
        let plugins = several(self.plugins, "configuration");
        let files = several(files, "file");
        let unreadable = several(self.unreadable, "file");
        let verdict = match (self.plugins, self.mistakes, self.warnings) {
            (_, 0, 0) if self.unreadable > 0 => style.red(&format!("{unreadable} unreadable")),
            (_, mistakes, warnings) if self.unreadable > 0 => style.red(&format!(
                "{}, {unreadable} unreadable",
                counted(mistakes, warnings)
            )),
            (0, 0, _) => {
                style.red("no Token Relay found, see docs/operations.md for what is looked for")
            }
            (_, 0, 0) => style.green("ok"),
            (_, 0, warnings) => style.yellow(&counted(0, warnings)),
            (_, mistakes, warnings) => style.red(&counted(mistakes, warnings)),
        };
        self.line(&format!("\n{plugins} in {files}: {verdict}"));
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// Merge keys are YAML of Kubernetes and of many tools, but not of Envoy.
fn merges(document: &Node, plugins: &[Plugin<'_>]) -> Option<Finding> {
    let envoy = |plugin: &Plugin<'_>| matches!(plugin.home, Home::Envoy(_));
    if document.get("kind").is_some() || !plugins.iter().any(envoy) {
        return None;
    }
    let line = document.first_merge()?;
    Some(Finding::mistake(
        line,
        "<<",
        "a merge key",
        "anchors and aliases; Envoy knows no merge keys and refuses a file that has one (no such field: '<<')",
    ))
}

fn counted(mistakes: usize, warnings: usize) -> String {
    match (mistakes, warnings) {
        (0, warnings) => several(warnings, "warning"),
        (mistakes, 0) => several(mistakes, "mistake"),
        _ => format!(
            "{}, {}",
            several(mistakes, "mistake"),
            several(warnings, "warning")
        ),
    }
}

fn several(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}
