//! The filter as an OCI image: read as Istio and Envoy Gateway read one, and by
//! the engine.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::docker::{docker, program};
use crate::stack::home;
use crate::stack::places::PLACES;
use crate::stack::store::hex;

#[test]
fn the_image_holds_the_module_where_meshes_look_for_it() {
    let file = PLACES.root.join("target/token_relay_image.tar");
    let made = || {
        program("scripts/image", &[]);
        fs::read(&file).expect("the image")
    };
    assert!(made() == made(), "the same module gives the same image");
    let file = file.display().to_string();
    let module = fs::read(PLACES.root.join("target/token_relay.wasm")).expect("the module");
    let folder = home::new("image-");
    let home = folder.path();
    let at = home.display().to_string();

    // As a mesh: the index, its manifest, the last layer's plugin.wasm.
    program("tar", &["--extract", "--file", &file, "--directory", &at]);
    let index = json(&fs::read(home.join("index.json")).expect("an index"));
    let manifest = json(&blob(home, &index["manifests"][0]));
    let layers = manifest["layers"].as_array().expect("layers");
    assert_eq!(layers.len(), 1);
    let kind = "application/vnd.oci.image.layer.v1.tar+gzip";
    assert_eq!(layers[0]["mediaType"], kind);
    fs::write(home.join("layer.tar.gz"), blob(home, &layers[0])).expect("the layer");
    let layer = home.join("layer.tar.gz").display().to_string();
    let listed = program("tar", &["--list", "--gzip", "--file", &layer]);
    assert_eq!(listed, "plugin.wasm");
    let extract = ["--extract", "--gzip", "--file", &layer, "--directory", &at];
    program("tar", &extract);
    assert!(fs::read(home.join("plugin.wasm")).expect("the plugin") == module);

    // As an engine.
    let version = env!("CARGO_PKG_VERSION");
    let name = format!("token-relay:{version}");
    assert!(docker(&["load", "--input", &file]).contains(&name));
    let container = docker(&["create", &name, "none"]);
    let copy = home.join("copy.wasm").display().to_string();
    docker(&["cp", &format!("{container}:/plugin.wasm"), &copy]);
    docker(&["rm", &container]);
    docker(&["rmi", &name]);
    assert!(fs::read(&copy).expect("the copy") == module);
}

/// Without an engine: Cargo understands what the stage `build` of the Dockerfile gets.
#[test]
fn cargo_finds_all_it_wants_where_the_image_is_built() {
    let root = &PLACES.root;
    let read = |name: &str| fs::read_to_string(root.join(name)).expect("a file");
    let dockerfile = read("containers/envoy.Dockerfile");
    let ignored = read(".dockerignore");
    let shown: Vec<&Path> = ignored
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .map(Path::new)
        .collect();
    let stage = dockerfile
        .lines()
        .skip_while(|line| !line.ends_with(" AS build"))
        .skip(1)
        .take_while(|line| !line.starts_with("FROM "));
    let folder = home::new("context-");
    let mut builds = false;
    for line in stage {
        builds |= line.starts_with("RUN cargo build --locked ");
        let Some(words) = line.strip_prefix("COPY ") else {
            continue;
        };
        let mut words: Vec<&str> = words.split(' ').collect();
        let to = folder.path().join(words.pop().expect("a place"));
        for from in words {
            let seen = shown.iter().any(|shown| Path::new(from).starts_with(shown));
            assert!(seen, "{from} is not in .dockerignore");
            let from = root.join(from).display().to_string();
            program("cp", &["-r", &from, &to.display().to_string()]);
        }
    }
    assert!(builds);
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(folder.path())
        .output()
        .expect("cargo");
    let errors = String::from_utf8_lossy(&metadata.stderr);
    assert!(metadata.status.success(), "{errors}");
    // Each target that was found is one whose file is there.
    for package in json(&metadata.stdout)["packages"]
        .as_array()
        .expect("packages")
    {
        for target in package["targets"].as_array().expect("targets") {
            let file = target["src_path"].as_str().expect("a file");
            assert!(Path::new(file).is_file(), "{file}");
        }
    }
}

/// What a descriptor describes, checked.
fn blob(home: &Path, descriptor: &Value) -> Vec<u8> {
    let digest = descriptor["digest"].as_str().expect("a digest");
    let name = digest.strip_prefix("sha256:").expect("a SHA-256");
    let bytes = fs::read(home.join("blobs/sha256").join(name)).expect("a blob");
    assert_eq!(hex(&Sha256::digest(&bytes)), name);
    assert_eq!(descriptor["size"], bytes.len());
    bytes
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}
