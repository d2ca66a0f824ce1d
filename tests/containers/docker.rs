//! The `docker` command, for what the testcontainers crate has no word for: pausing a
//! container, and cutting it off from its network.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

/// Runs `docker` and gives what it printed; it has to succeed.
pub fn docker(args: &[&str]) -> String {
    output(Command::new("docker").args(args))
}

/// The same when it may fail.
pub fn try_docker(args: &[&str]) -> Option<String> {
    let output = run(Command::new("docker").args(args));
    output.status.success().then(|| text(&output.stdout))
}

/// Runs a program in the project's folder; it has to succeed.
pub fn program(program: impl AsRef<OsStr>, args: &[&str]) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    output(Command::new(program).args(args).current_dir(root))
}

fn output(command: &mut Command) -> String {
    let output = run(command);
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output();
    output.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
