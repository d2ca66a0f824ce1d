//! The files themselves.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde_json::Value;

/// A document of a YAML file.
#[derive(Clone, Debug)]
pub struct Document {
    pub file: PathBuf,
    pub value: Value,
}

impl Document {
    pub fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        let name = &self.value["metadata"]["name"];
        name.as_str().unwrap_or_default()
    }
}

/// The folders with manifests, from the root of the repository.
pub const FOLDERS: [&str; 5] = [
    "envoy/istio/store",
    "envoy/istio/ingress",
    "envoy/istio/sidecar",
    "envoy/istio/egress",
    "envoy/gateway",
];

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The YAML files of a folder, sorted.
pub fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    files
}

pub fn text(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// All documents in a text.
pub fn documents(file: &Path, text: &str) -> Vec<Document> {
    serde_yaml_ng::Deserializer::from_str(text)
        .map(|document| {
            let value = Value::deserialize(document);
            let value = value.unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            let file = file.to_owned();
            Document { file, value }
        })
        .collect()
}

/// All documents of all manifests.
pub fn all() -> Vec<Document> {
    let folders = FOLDERS.iter().map(|folder| root().join(folder));
    let files = folders.flat_map(|folder| yaml_files(&folder));
    files
        .flat_map(|file| documents(&file, &text(&file)))
        .collect()
}

/// The only document of a file.
pub fn one(file: &str) -> Value {
    let file = root().join(file);
    documents(&file, &text(&file)).remove(0).value
}

/// The only document of this kind in a folder.
pub fn only(folder: &str, kind: &str) -> Document {
    let folder = root().join(folder);
    let mut found = all();
    found.retain(|document| document.kind() == kind && document.file.starts_with(&folder));
    assert_eq!(found.len(), 1, "{kind} in {}", folder.display());
    found.remove(0)
}
