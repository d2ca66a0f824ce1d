//! `compose.yaml` and `make demo-compose`, started as a user starts them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::docker::{docker, try_docker};
use crate::stack::turn::Turn;
use crate::stack::{home, wait};

/// Images are built meanwhile.
const PATIENCE: Duration = Duration::from_secs(900);

const LABEL: &str = "com.docker.compose";

#[test]
fn the_demo_brings_compose_up_as_the_file_promises_and_takes_all_away() {
    let _turn = Turn::wait(true);
    let mut demo = Demo::start();
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

/// `python3 -m demo.compose` under a project name of its own.
struct Demo {
    child: Child,
    output: PathBuf,
    project: String,
    _home: TempDir,
}

impl Demo {
    fn start() -> Self {
        let home = home::new("compose-");
        let output = home.path().join("output");
        let file = File::create(&output).expect("a file for the output");
        let project = format!("token-relay-test-{}", std::process::id());
        let child = Command::new("python3")
            .args(["-m", "demo.compose"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("COMPOSE_PROJECT_NAME", &project)
            .env("DEMO_EXIT", "0")
            .env("DEMO_FREE_PORTS", "1")
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("the same file"))
            .stderr(file)
            .process_group(0)
            .spawn();
        Self {
            child: child.expect("python3 starts"),
            output,
            project,
            _home: home,
        }
    }

    fn output(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }

    fn wait_for(&mut self, words: &str) {
        let came = wait::within(PATIENCE, || {
            self.output().contains(words) || !matches!(self.child.try_wait(), Ok(None))
        });
        let output = self.output();
        assert!(came && output.contains(words), "{output}");
    }

    /// What Ctrl-C does; gives all that was printed.
    fn interrupt(&mut self) -> String {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        let _ = kill(pid, Signal::SIGINT);
        let _ = self.child.wait();
        self.output()
    }

    /// Each service's container, as the engine describes it.
    fn containers(&self) -> BTreeMap<String, Value> {
        let filter = format!("label={LABEL}.project={}", self.project);
        let ids = docker(&["ps", "--all", "--quiet", "--filter", &filter]);
        let mut words = vec!["inspect"];
        words.extend(ids.lines());
        let all: Value = serde_json::from_str(&docker(&words)).expect("JSON");
        let all = all.as_array().expect("containers").clone();
        let service = format!("{LABEL}.service");
        all.into_iter()
            .map(|container| {
                let name = container["Config"]["Labels"][&service].as_str();
                (name.expect("a service").to_owned(), container)
            })
            .collect()
    }

    /// Containers, networks and volumes of the project.
    fn left(&self) -> String {
        let filter = format!("label={LABEL}.project={}", self.project);
        let lists = [&["ps", "--all"][..], &["network", "ls"], &["volume", "ls"]];
        let lists = lists.map(|words| {
            let words = [words, &["--quiet", "--filter", &filter]].concat();
            docker(&words)
        });
        lists.concat()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.interrupt();
        }
    }
}
