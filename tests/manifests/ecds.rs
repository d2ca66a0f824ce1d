//! A filter whose configuration Envoy gets apart from its listener, as from Istio;
//! the source is a file.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// What stands in the place of Istio's `ads`.
pub fn source(file: &Path) -> Value {
    json!({
        "path_config_source": {"path": file.display().to_string()},
        "initial_fetch_timeout": "0s",
        "resource_api_version": "V3",
    })
}

/// Envoy sees a file that takes the place of another.
pub fn write(file: &Path, name: &str, filter: &Value) {
    let resource = json!({
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": name,
        "typed_config": filter,
    });
    let new = file.with_extension("new");
    fs::write(&new, json!({"resources": [resource]}).to_string()).expect("the filter");
    fs::rename(new, file).expect("the filter in place");
}
