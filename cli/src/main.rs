//! `token-relay`: what an operator asks before a request does. It contains the
//! filter's own code, so what it says is what the filter would say.
//!
//! | file | what lives there |
//! |---|---|
//! | `arguments` | the command line |
//! | `files`, `finding` | `check`: files in, mistakes out |
//! | `find` | where in a file the relay is configured |
//! | `check` | what is wrong with one plugin, and around it |
//! | `yaml`, `reading` | YAML with its lines, and as Envoy and Kubernetes read it |
//! | `cookie` | `inspect-cookie` |
//! | `schema` | `schema`: the configuration as a JSON Schema |
//! | `duration`, `style` | durations of others; colours |

#![allow(
    clippy::disallowed_methods,
    reason = "a command has a clock and an environment"
)]

mod arguments;
mod check;
mod cookie;
mod duration;
mod files;
mod find;
mod finding;
mod reading;
mod schema;
mod style;
mod yaml;

use std::io::Write as _;
use std::process::ExitCode;

use arguments::{Command, HELP};
use files::Report;
use style::Style;

/// Found what was asked for, and all is well.
const GOOD: u8 = 0;
/// Mistakes, or no session.
const BAD: u8 = 1;
/// The question could not be understood, or a file not be read.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let result = arguments::read().map_err(Problem::from).and_then(run);
    let code = match result {
        Ok((text, code)) => {
            print(&text);
            code
        }
        Err(Problem { text, why }) => {
            print(&text);
            eprintln!("token-relay: {why}");
            USAGE
        }
    };
    ExitCode::from(code)
}

fn print(text: &str) {
    // A reader that has gone away is no reason to fail.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Why there is no whole answer.
struct Problem {
    /// The part that there is.
    text: String,
    why: String,
}

impl From<String> for Problem {
    fn from(why: String) -> Self {
        let text = String::new();
        Self { text, why }
    }
}

/// What to print, and the exit code.
fn run(command: Command) -> Result<(String, u8), Problem> {
    let style = Style::of_stdout();
    match command {
        Command::Help => Ok((HELP.to_owned(), GOOD)),
        Command::Version => Ok((format!("token-relay {}\n", env!("CARGO_PKG_VERSION")), GOOD)),
        Command::Schema => Ok((schema::text(), GOOD)),
        Command::Check { files, lifetimes } => {
            let mut report = Report::default();
            for name in &files {
                report.file(name, lifetimes, style);
            }
            report.summary(files.len(), style);
            if report.unreadable > 0 {
                return Err(Problem {
                    why: format!("{} of the files cannot be read", report.unreadable),
                    text: report.text,
                });
            }
            let good = report.mistakes == 0 && report.plugins > 0;
            Ok((report.text, if good { GOOD } else { BAD }))
        }
        Command::InspectCookie(settings) => {
            let (text, found) = cookie::inspect(&settings, style)?;
            Ok((text, if found { GOOD } else { BAD }))
        }
    }
}
