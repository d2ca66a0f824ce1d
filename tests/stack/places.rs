//! Where the parts of the stack are found, and what to do when one is missing.
//!
//! | variable | what | default |
//! |---|---|---|
//! | `TOKEN_RELAY_WASM` | the module | `target/token_relay.wasm` |
//! | `TOKEN_RELAY_UNSAFE_WASM` | the module without the nonce check | `target/token_relay_unsafe.wasm` |
//! | `TOKEN_RELAY_OTHER_WASM` | the module as another version | `target/token_relay_other.wasm` |
//! | `TOKEN_RELAY_VENV` | Python with Envoy, Django and gunicorn | `.venv` |
//! | `TOKEN_RELAY_ENVOY` | Envoy | from the venv |
//! | `TOKEN_RELAY_REDIS` | redis-server | from `PATH` |
//! | `TOKEN_RELAY_WEBDIS` | Webdis | from `PATH` |

use std::env;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// All places, checked when first used.
pub struct Places {
    pub root: PathBuf,
    pub wasm: PathBuf,
    pub unsafe_wasm: PathBuf,
    pub other_wasm: PathBuf,
    pub python: PathBuf,
    pub gunicorn: PathBuf,
    pub envoy: PathBuf,
    pub redis: PathBuf,
    pub webdis: PathBuf,
}

pub static PLACES: LazyLock<Places> = LazyLock::new(Places::find);

impl Places {
    fn find() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let given = |name, default: &str| {
            env::var_os(name).map_or_else(|| root.join(default), PathBuf::from)
        };
        let venv = given("TOKEN_RELAY_VENV", ".venv");
        let places = Self {
            wasm: given("TOKEN_RELAY_WASM", "target/token_relay.wasm"),
            unsafe_wasm: given("TOKEN_RELAY_UNSAFE_WASM", "target/token_relay_unsafe.wasm"),
            other_wasm: given("TOKEN_RELAY_OTHER_WASM", "target/token_relay_other.wasm"),
            python: venv.join("bin/python"),
            gunicorn: venv.join("bin/gunicorn"),
            envoy: env::var_os("TOKEN_RELAY_ENVOY").map_or_else(|| wheel(&venv), PathBuf::from),
            redis: program("TOKEN_RELAY_REDIS", "redis-server"),
            webdis: program("TOKEN_RELAY_WEBDIS", "webdis"),
            root,
        };
        let needed = [
            (&places.wasm, "the module: run `make build`"),
            (
                &places.python,
                "Python's environment: run `make test`, which sets it up",
            ),
            (
                &places.gunicorn,
                "gunicorn: run `make test`, which installs it",
            ),
            (&places.envoy, "Envoy: run `make test`, which installs it"),
            (
                &places.redis,
                "redis-server (Debian: apt install redis-server)",
            ),
            (&places.webdis, "Webdis (Debian: apt install webdis)"),
        ];
        let missing: Vec<String> = needed
            .iter()
            .filter(|(path, _)| !path.is_file())
            .map(|(path, what)| format!("\n  {} ({what})", path.display()))
            .collect();
        assert!(
            missing.is_empty(),
            "the real-stack tests miss:{}\n`make test` brings what it can.",
            missing.concat()
        );
        places
    }
}

/// The ELF inside the wheel; `bin/envoy` is a launcher, and a signal to it
/// would not reach Envoy.
fn wheel(venv: &Path) -> PathBuf {
    let pattern = "envoy/_bin/envoy";
    let libraries = std::fs::read_dir(venv.join("lib")).into_iter().flatten();
    libraries
        .flatten()
        .map(|python| python.path().join("site-packages").join(pattern))
        .find(|path| path.is_file())
        .unwrap_or_else(|| venv.join(pattern))
}

fn program(variable: &str, name: &str) -> PathBuf {
    if let Some(path) = env::var_os(variable) {
        return path.into();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| name.into())
}
