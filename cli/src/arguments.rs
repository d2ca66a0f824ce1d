//! The command line. Secrets have no place in it: other users of a machine can
//! read it.

use lexopt::prelude::*;

use crate::check::Lifetimes;
use crate::cookie::{NO_NAME, Settings, Variable};
use crate::duration;

/// What is asked.
pub(crate) enum Command {
    Help,
    Version,
    Schema,
    Check {
        files: Vec<String>,
        lifetimes: Lifetimes,
    },
    InspectCookie(Settings),
}

/// What `--help` prints.
pub(crate) const HELP: &str = "\
token-relay: checks configurations of the Token Relay filter, and tells why a cookie is no session

  token-relay check [options] FILE...     a plugin configuration, an Envoy configuration, Kubernetes
                                          manifests; - is standard input
      --nextauth-max-age TIME             NextAuth's session maxAge, e.g. 30d: warns when the cookie
                                          outlives the refresh token
      --refresh-token-lifetime TIME       how long that lives at Django (default: 1d)

  token-relay inspect-cookie [options]    reads a Cookie header, name=value or a value alone from
                                          standard input (a long one from a file: < cookie.txt), and
                                          secrets from the environment
      --config FILE                       takes format, secrets, claim, names and key from a file
      --secret-env NAME                   variable with a secret, newest first (default: AUTH_SECRET)
      --cookie-name NAME                  a name to look for (default: those of NextAuth)
      --claim NAME                        the claim with the session id (default: sid)
      --opaque                            the value of the cookie is the session id

  token-relay schema                      prints the JSON Schema of the configuration
  token-relay --help | --version

Exit code: 0 all is well (or a session was found), 1 mistakes (or none), 2 the question was not understood,
or a file cannot be read.
";

/// Reads the arguments of this process.
pub(crate) fn read() -> Result<Command, String> {
    let mut parser = lexopt::Parser::from_env();
    let command = command(&mut parser).map_err(|error| error.to_string())?;
    command.ok_or_else(|| "what to do? See token-relay --help".to_owned())
}

fn command(parser: &mut lexopt::Parser) -> Result<Option<Command>, lexopt::Error> {
    let Some(first) = parser.next()? else {
        return Ok(None);
    };
    let command = match first {
        Short('h') | Long("help") => Command::Help,
        Short('V') | Long("version") => Command::Version,
        Value(name) => match name.to_str() {
            Some("help") => Command::Help,
            Some("check") => check(parser)?,
            Some("inspect-cookie") => inspect(parser)?,
            Some("schema") => {
                end(parser)?;
                Command::Schema
            }
            _ => return Err("no such command; see token-relay --help".into()),
        },
        other => return Err(other.unexpected()),
    };
    Ok(Some(command))
}

fn end(parser: &mut lexopt::Parser) -> Result<(), lexopt::Error> {
    match parser.next()? {
        None => Ok(()),
        Some(argument) => Err(argument.unexpected()),
    }
}

fn check(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut files = Vec::new();
    let mut lifetimes = Lifetimes::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("nextauth-max-age") => lifetimes.max_age = Some(time(parser)?),
            Long("refresh-token-lifetime") => lifetimes.refresh_token = Some(time(parser)?),
            Short('h') | Long("help") => return Ok(Command::Help),
            Value(file) => files.push(file.string()?),
            other => return Err(other.unexpected()),
        }
    }
    if files.is_empty() {
        return Err("check what? Name a file, or - for standard input".into());
    }
    Ok(Command::Check { files, lifetimes })
}

fn time(parser: &mut lexopt::Parser) -> Result<std::time::Duration, lexopt::Error> {
    let text = parser.value()?.string()?;
    duration::option(&text).ok_or_else(|| {
        format!("\"{text}\" is no time: 30d, 12h, 15m, 90s or a number of seconds").into()
    })
}

fn inspect(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut settings = Settings::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("config") => settings.config = Some(parser.value()?.string()?),
            Long("secret-env") => {
                // Read here, because an error of `string` quotes what is no text.
                let given = parser.value()?;
                let given = given.to_str().ok_or(NO_NAME)?;
                settings.secrets.push(Variable::of_option(given)?);
            }
            Long("cookie-name") => settings.names.push(parser.value()?.string()?),
            Long("claim") => settings.claim = Some(parser.value()?.string()?),
            Long("opaque") => settings.opaque = true,
            Short('h') | Long("help") => return Ok(Command::Help),
            // Not quoted: it may be the cookie, or the secret.
            Value(_) => {
                return Err("the cookie is read from standard input, and secrets from the environment, never from the command line".into());
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(Command::InspectCookie(settings))
}
