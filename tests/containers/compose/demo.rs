//! `make demo-compose` as a process: its output, its end, and what the engine has of it.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::docker::docker;
use crate::stack::{home, wait};

/// Images are built meanwhile.
const PATIENCE: Duration = Duration::from_secs(900);

const LABEL: &str = "com.docker.compose";

/// `python3 -m demo.compose` under a project name of its own.
pub struct Demo {
    child: Child,
    output: PathBuf,
    project: String,
    _home: TempDir,
}

impl Demo {
    /// Tests of one run tell their projects apart by a word.
    pub fn start(word: &str) -> Self {
        Self::start_with(word, &env::var("PATH").expect("a PATH"))
    }

    /// The same with programs from elsewhere.
    pub fn start_with(word: &str, path: &str) -> Self {
        let home = home::new("compose-");
        let output = home.path().join("output");
        let file = File::create(&output).expect("a file for the output");
        let project = format!("token-relay-test-{word}-{}", std::process::id());
        let child = Command::new("python3")
            .args(["-m", "demo.compose"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("COMPOSE_PROJECT_NAME", &project)
            .env("DEMO_EXIT", "0")
            .env("PATH", path)
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

    pub fn wait_for(&mut self, words: &str) {
        self.wait_until(|demo| demo.output().contains(words));
    }

    /// While the demo runs.
    pub fn wait_until(&mut self, holds: impl Fn(&Self) -> bool) {
        let came = wait::within(PATIENCE, || {
            holds(self) || !matches!(self.child.try_wait(), Ok(None))
        });
        assert!(came && holds(self), "{}", self.output());
    }

    /// What Ctrl-C does; gives all that was printed.
    pub fn interrupt(&mut self) -> String {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        let _ = kill(pid, Signal::SIGINT);
        let _ = self.child.wait();
        self.output()
    }

    /// Each service's container, as the engine describes it.
    pub fn containers(&self) -> BTreeMap<String, Value> {
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
    pub fn left(&self) -> String {
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
