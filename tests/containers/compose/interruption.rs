//! Ctrl-C before the containers are up, and an end that does not work out.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::demo::Demo;
use crate::stack::home;
use crate::stack::turn::Turn;

#[test]
fn ctrl_c_while_containers_start_leaves_nothing() {
    let _turn = Turn::wait(true);
    let mut demo = Demo::start("early");
    demo.wait_until(|demo| !demo.left().is_empty());
    let output = demo.interrupt();
    assert!(output.contains("nothing is left"), "{output}");
    assert!(!output.contains("healthy"), "it was up: {output}");
    assert_eq!(demo.left(), "");
}

/// What builds does not listen, and what takes away fails.
const DOCKER: &str = r#"#!/bin/sh
case "$*" in
*" up "*)
    trap "" TERM
    echo $$ >"${0%/*}/up.new" && mv "${0%/*}/up.new" "${0%/*}/up"
    while :; do sleep 1; done
    ;;
*" down "*)
    echo "the engine is on fire" >&2
    exit 1
    ;;
"container ls "*) echo some-envoy ;;
esac
"#;

#[test]
fn what_could_not_be_taken_away_is_said() {
    let folder = home::new("docker-");
    let docker = folder.path().join("docker");
    fs::write(&docker, DOCKER).expect("a program");
    fs::set_permissions(&docker, fs::Permissions::from_mode(0o755)).expect("a program");
    let path = std::env::var("PATH").expect("a PATH");
    let path = format!("{}:{path}", folder.path().display());
    let mut demo = Demo::start_with("burning", &path);
    let up = folder.path().join("up");
    demo.wait_until(|_| up.exists());
    let pid = fs::read_to_string(&up).expect("a pid");
    let output = demo.interrupt();
    let words = [
        "container some-envoy",
        "the engine is on fire",
        "scripts/compose --project-name token-relay-test-burning",
    ];
    for words in words {
        assert!(output.contains(words), "{words}: {output}");
    }
    assert!(!output.contains("nothing is left"), "{output}");
    assert!(!Path::new("/proc").join(pid.trim()).exists());
}
