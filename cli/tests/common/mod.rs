//! Runs the command.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

/// What a run printed, and its exit code.
#[derive(Debug)]
pub struct Run {
    pub out: String,
    pub err: String,
    pub code: i32,
}

/// Runs it with this on its standard input.
pub fn run_with(arguments: &[&str], input: &str, env: &[(&str, &str)]) -> Run {
    let mut child = command(arguments, env)
        .stdin(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("piped");
    // It may end without having read everything.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    ended(child)
}

/// The command with these variables and nothing else in its environment.
pub fn command(arguments: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_token-relay"));
    command
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env_clear()
        .envs(env.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Waits for its end.
pub fn ended(child: Child) -> Run {
    let output = child.wait_with_output().expect("the command ends");
    Run {
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
        code: output.status.code().expect("an exit code"),
    }
}

/// `token-relay check -` with this on standard input.
pub fn check(input: &str) -> Run {
    run_with(&["check", "-"], input, &[])
}

impl Run {
    /// The exit code is this one; otherwise everything is shown.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// The output has a line with this text, indentation aside.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.out.contains(text), "{text:?} is not in\n{}", self.out);
        self
    }

    /// How many mistakes it lists.
    pub fn mistakes(&self) -> usize {
        self.marked("mistake")
    }

    /// How many warnings it lists.
    pub fn warnings(&self) -> usize {
        self.marked("warning")
    }

    fn marked(&self, mark: &str) -> usize {
        let mark = format!("{mark}  line ");
        self.out
            .lines()
            .filter(|line| line.trim_start().starts_with(&mark))
            .count()
    }
}
