//! `compose.yaml` and `make demo-compose`, started as a user starts them.

mod certificate;
mod demo;
mod interruption;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::docker::{docker, try_docker};
use crate::stack::turn::Turn;

use demo::Demo;

#[test]
fn the_demo_brings_compose_up_as_the_file_promises_and_takes_all_away() {
    let _turn = Turn::wait(true);
    let mut demo = Demo::start("whole");
    demo.wait_for("Ctrl-C ends it.");
    let containers = demo.containers();
    let all = [
        "certificate",
        "django",
        "envoy",
        "nextjs",
        "redis",
        "webdis",
    ];
    assert!(containers.keys().eq(all.iter()));

    for (service, container) in &containers {
        assert_confined(service, container);
        assert_published(service, container);
    }
    assert_secrets_are_where_they_are_needed(&containers);
    assert_no_way_but_through_envoy(&containers);
    assert_logs_hold_no_secrets(&containers);

    let output = demo.interrupt();
    assert!(output.contains("nothing is left"), "{output}");
    assert_eq!(demo.left(), "");
}

/// Neither root nor anything that would make somebody root, and nothing to write to.
fn assert_confined(service: &str, container: &Value) {
    let host = &container["HostConfig"];
    assert_eq!(host["ReadonlyRootfs"], true, "{service}");
    assert_eq!(host["Privileged"], false, "{service}");
    assert_eq!(host["CapDrop"], serde_json::json!(["ALL"]), "{service}");
    assert!(host["CapAdd"].is_null(), "{service}");
    let options = host["SecurityOpt"].to_string();
    assert!(
        options.contains("no-new-privileges"),
        "{service}: {options}"
    );
    if service == "certificate" {
        assert_eq!(container["State"]["ExitCode"], 0);
        assert_eq!(container["Config"]["User"], "101:101");
        return;
    }
    assert_eq!(
        container["State"]["Health"]["Status"], "healthy",
        "{service}"
    );
    let id = container["Id"].as_str().expect("an id");
    assert_ne!(docker(&["exec", id, "id", "-u"]), "0", "{service}");
    let write = try_docker(&["exec", id, "sh", "-c", "echo x >/written"]);
    assert_eq!(write, None, "{service} can write to its root file system");
}

/// Envoy's port for browsers, on the loopback, and nothing else.
fn assert_published(service: &str, container: &Value) {
    let bindings = container["HostConfig"]["PortBindings"].as_object();
    let bindings = bindings.cloned().unwrap_or_default();
    let ports: Vec<&String> = bindings.keys().collect();
    if service != "envoy" {
        assert!(ports.is_empty(), "{service}: {ports:?}");
        return;
    }
    assert_eq!(ports, ["8443/tcp"]);
    for binding in bindings["8443/tcp"].as_array().expect("bindings") {
        assert_eq!(binding["HostIp"], "127.0.0.1");
    }
}

fn secrets(container: &Value) -> BTreeMap<&str, &str> {
    let all = container["Config"]["Env"].as_array().expect("variables");
    let pairs = all.iter().map(|pair| pair.as_str().expect("a variable"));
    pairs
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| {
            ["SECRET", "PASSWORD"]
                .iter()
                .any(|word| name.contains(word))
        })
        .collect()
}

fn assert_secrets_are_where_they_are_needed(containers: &BTreeMap<String, Value>) {
    let needed: [(&str, &[&str]); 6] = [
        ("certificate", &[]),
        ("django", &["DEMO_PASSWORD", "DJANGO_SECRET_KEY"]),
        (
            "envoy",
            &[
                "AUTH_SECRET",
                "REDIS_PROXY_PASSWORD",
                "REDIS_RELAY_PASSWORD",
                "WEBDIS_PASSWORD",
            ],
        ),
        ("nextjs", &["AUTH_SECRET"]),
        ("redis", &["REDIS_ADMIN_PASSWORD", "REDIS_RELAY_PASSWORD"]),
        ("webdis", &["REDIS_PROXY_PASSWORD", "WEBDIS_PASSWORD"]),
    ];
    for (service, names) in needed {
        let here = secrets(&containers[service]);
        let here: Vec<&str> = here.keys().copied().collect();
        assert_eq!(here, names, "{service}");
    }
}

/// Two parts share a network only if one of them is Envoy.
fn assert_no_way_but_through_envoy(containers: &BTreeMap<String, Value>) {
    let networks = |container: &Value| -> BTreeSet<String> {
        let networks = container["NetworkSettings"]["Networks"].as_object();
        let names = networks.expect("networks").keys().cloned();
        names.filter(|name| name != "none").collect()
    };
    for (one, a) in containers {
        for (other, b) in containers {
            if one < other && one != "envoy" && other != "envoy" {
                let shared: Vec<_> = networks(a).intersection(&networks(b)).cloned().collect();
                assert!(shared.is_empty(), "{one} and {other} share {shared:?}");
            }
        }
    }
    let django = containers["django"]["Id"].as_str().expect("an id");
    let call = "import socket; socket.create_connection(('redis', 6379), 2)";
    assert_eq!(try_docker(&["exec", django, "python", "-c", call]), None);
}

fn assert_logs_hold_no_secrets(containers: &BTreeMap<String, Value>) {
    let secrets: BTreeSet<&str> = containers
        .values()
        .flat_map(|container| secrets(container).into_values())
        .collect();
    assert!(secrets.len() >= 7);
    for (service, container) in containers {
        let id = container["Id"].as_str().expect("an id");
        let output = Command::new("docker").args(["logs", id]).output();
        let output = output.expect("the logs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        for secret in &secrets {
            assert!(
                !text.contains(secret),
                "a secret is in the log of {service}"
            );
        }
    }
}
