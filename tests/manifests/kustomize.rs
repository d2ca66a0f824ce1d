//! Every file is named by its kustomization, every name leads to a file, and
//! Kustomize itself, where there is one, builds what `docs/mesh.md` says.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::files::{self, FOLDERS};
use crate::stack::home;

fn kustomization(folder: &Path) -> Value {
    let file = folder.join("kustomization.yaml");
    files::documents(&file, &files::text(&file)).remove(0).value
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.map(|text| text.as_str().expect("a string").to_owned())
        .collect()
}

/// The files that a kustomization names.
fn named_files(kustomization: &Value) -> BTreeSet<String> {
    let mut named: BTreeSet<String> = texts(&kustomization["resources"]).into_iter().collect();
    for patch in kustomization["patches"].as_array().into_iter().flatten() {
        named.insert(patch["path"].as_str().expect("a path").to_owned());
    }
    let generators = kustomization["configMapGenerator"].as_array();
    for generator in generators.into_iter().flatten() {
        for file in texts(&generator["files"]) {
            let name = file.split_once('=').map_or(&*file, |(_, name)| name);
            named.insert(name.to_owned());
        }
    }
    named
}

#[test]
fn every_file_is_named_by_its_kustomization_and_every_name_is_a_file() {
    for folder in FOLDERS {
        let folder = files::root().join(folder);
        let kustomization = kustomization(&folder);
        let there = files::yaml_files(&folder).into_iter();
        let there = there.map(|file| file.file_name().expect("a name").to_owned());
        let mut there: BTreeSet<String> = there
            .map(|name| name.into_string().expect("UTF-8"))
            .collect();
        there.remove("kustomization.yaml");
        assert_eq!(there, named_files(&kustomization), "{}", folder.display());
        for component in texts(&kustomization["components"]) {
            let file = folder.join(component).join("kustomization.yaml");
            assert!(file.is_file(), "{}", file.display());
        }
    }
    for folder in ["envoy/istio", "envoy/gateway"] {
        let folder = files::root().join(folder);
        let below = fs::read_dir(&folder).expect("a folder").flatten();
        for entry in below.filter(|entry| entry.path().is_dir()) {
            let known = FOLDERS
                .iter()
                .any(|f| files::root().join(f) == entry.path());
            assert!(known, "{} is not tested", entry.path().display());
        }
    }
}

#[test]
fn every_resource_has_a_kind_a_version_and_a_name() {
    for document in files::all() {
        let file = document.file.display();
        let envoys = ["redis-proxy.yaml", "bootstrap.yaml"];
        if envoys.iter().any(|name| document.file.ends_with(name)) {
            continue;
        }
        assert!(document.value["apiVersion"].is_string(), "{file}");
        assert!(!document.kind().is_empty(), "{file}");
        if !document.file.ends_with("kustomization.yaml") {
            assert!(!document.name().is_empty(), "{file}");
        }
    }
}

/// Kubernetes reads YAML 1.1, in which more words are booleans than in the YAML
/// 1.2 of these tests and of Envoy: a bare `off` becomes `false`.
#[test]
fn no_value_is_one_that_kubernetes_reads_otherwise() {
    const WORDS: [&str; 8] = ["on", "off", "yes", "no", "y", "n", "On", "Off"];
    for folder in FOLDERS {
        for file in files::yaml_files(&files::root().join(folder)) {
            let text = files::text(&file);
            for (number, line) in text.lines().enumerate() {
                let line = line.split_once(" #").map_or(line, |(before, _)| before);
                if line.trim_start().starts_with('#') {
                    continue;
                }
                let values = line.split([',', '{', '}', '[', ']']);
                for value in values.filter_map(|part| Some(part.split_once(": ")?.1.trim())) {
                    let at = format!("{}:{}", file.display(), number + 1);
                    assert!(!WORDS.contains(&value), "{at}: quote {value}");
                }
            }
        }
    }
}

/// What `kubectl kustomize` makes of a folder; `None` without a kubectl, which
/// continuous integration has to have.
fn built(folder: &Path) -> Option<Vec<files::Document>> {
    // Overlays of tests lie elsewhere than the bases.
    let output = Command::new("kubectl")
        .args(["kustomize", "--load-restrictor", "LoadRestrictionsNone"])
        .arg(folder)
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            let why = format!("kubectl does not run ({error}): {}", folder.display());
            let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!is_ci, "nothing may be skipped with CI=true: {why}");
            skipped(&why);
            return None;
        }
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", folder.display());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    Some(files::documents(folder, &text))
}

/// Says so past the test harness, which keeps to itself what a test prints that
/// passes.
fn skipped(why: &str) {
    let mut out = std::io::stderr();
    let _ = writeln!(out, "SKIPPED: {why}");
}

fn containers(document: &files::Document) -> Vec<String> {
    let containers = &document.value["spec"]["template"]["spec"]["containers"];
    let containers = containers.as_array().into_iter().flatten();
    let names = containers.map(|container| container["name"].as_str().expect("a name"));
    names.map(str::to_owned).collect()
}

fn deployment<'a>(built: &'a [files::Document], name: &str) -> &'a files::Document {
    let mut all = built.iter();
    let found = all.find(|document| document.kind() == "Deployment" && document.name() == name);
    found.expect("the Deployment")
}

#[test]
fn kustomize_puts_the_way_to_redis_beside_the_gateway() {
    let Some(built) = built(&files::root().join("envoy/istio/ingress")) else {
        return;
    };
    let gateway = deployment(&built, "token-relay-gateway");
    assert_eq!(
        containers(gateway),
        ["istio-proxy", "webdis", "redis-proxy"]
    );
    let spec = &gateway.value["spec"]["template"]["spec"];
    // The hash of the generated ConfigMap's content is in its name.
    let volumes = spec["volumes"].as_array().expect("volumes");
    let maps = volumes
        .iter()
        .filter_map(|v| v["configMap"]["name"].as_str());
    let maps: BTreeSet<&str> = maps.collect();
    let made = built.iter().filter(|d| d.kind() == "ConfigMap");
    assert_eq!(maps, made.clone().map(files::Document::name).collect());
    for file in ["envoy.yaml", "bootstrap.yaml"] {
        let mut made = made.clone();
        assert!(
            made.any(|map| map.value["data"][file].is_string()),
            "{file}"
        );
    }
    for document in &built {
        let namespace = &document.value["metadata"]["namespace"];
        assert!(
            document.kind() == "Namespace" || namespace == "token-relay",
            "{} {}",
            document.kind(),
            document.name()
        );
    }
    // What a plugin gets is what the file says, by Kubernetes' YAML as well.
    let plugin = built.iter().find(|d| d.kind() == "WasmPlugin").expect("it");
    let ours = files::only("envoy/istio/ingress", "WasmPlugin");
    assert_eq!(plugin.value["spec"], ours.value["spec"]);
}

#[test]
fn kustomize_builds_envoy_gateways_base() {
    let Some(built) = built(&files::root().join("envoy/gateway")) else {
        return;
    };
    for kind in [
        "EnvoyExtensionPolicy",
        "EnvoyPatchPolicy",
        "ClientTrafficPolicy",
    ] {
        let theirs = built.iter().find(|d| d.kind() == kind).expect(kind);
        let ours = files::only("envoy/gateway", kind);
        assert_eq!(theirs.value["spec"], ours.value["spec"], "{kind}");
    }
}

/// The overlay that `docs/mesh.md` shows, with an application's Deployments.
#[test]
fn kustomize_builds_the_overlay_of_the_documentation() {
    let page = files::text(&files::root().join("docs/mesh.md"));
    let shown = page.split("```yaml\n").skip(1);
    let shown: Vec<&str> = shown.filter_map(|rest| rest.split("```").next()).collect();
    let pick = |what: &str| {
        let mut shown = shown.iter().filter(|block| block.contains(what));
        let block = shown
            .next()
            .unwrap_or_else(|| panic!("{what} in docs/mesh.md"));
        assert!(shown.next().is_none(), "{what} is shown once");
        (*block).to_owned()
    };
    let home = home::new("overlay-");
    let up = relative_to_root(home.path());
    let overlay = pick("- token-relay/envoy/istio/sidecar");
    let overlay = overlay.replace("- token-relay/", &format!("- {up}/"));
    fs::write(home.path().join("kustomization.yaml"), overlay).expect("the overlay");
    let app = pick("kind: Deployment");
    fs::write(home.path().join("app.yaml"), app).expect("the application");
    let Some(built) = built(home.path()) else {
        return;
    };
    for name in ["django", "nextjs"] {
        let containers = containers(deployment(&built, name));
        let expected = [name, "istio-proxy", "webdis", "redis-proxy"];
        let names: BTreeSet<&str> = containers.iter().map(String::as_str).collect();
        assert_eq!(names, expected.into_iter().collect(), "{name}");
    }
    // The issuer of `egress` is the Django behind `sidecar`, which hides its token endpoints otherwise.
    let of = |kind: &str| &built.iter().find(|d| d.kind() == kind).expect("it").value["spec"];
    assert_eq!(of("WasmPlugin")["pluginConfig"]["issuer"]["expose"], true);
    let denied = &of("AuthorizationPolicy")["rules"][0]["to"][0]["operation"]["paths"];
    assert_eq!(denied, &serde_json::json!(["/api/token", "/api/token/*"]));
    // The overlay takes the place of everything that is only an example.
    let text: String = built.iter().map(|d| d.value.to_string()).collect();
    assert!(!text.contains("registry.example.com"));
    assert_eq!(
        text.matches("registry.internal/token-relay@sha256:")
            .count(),
        2
    );
}

/// `../../…`, because Kustomize takes no absolute paths.
fn relative_to_root(from: &Path) -> String {
    let from = fs::canonicalize(from).expect("a folder");
    let root = fs::canonicalize(files::root()).expect("a folder");
    let shared = from
        .components()
        .zip(root.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = std::iter::repeat_n("..", from.components().count() - shared);
    let down = root.components().skip(shared);
    let path: PathBuf = up.collect::<PathBuf>().join(down.collect::<PathBuf>());
    let text = path.display().to_string();
    text.trim_end_matches('/').to_owned()
}
