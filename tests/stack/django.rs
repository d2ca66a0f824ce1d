//! Django under gunicorn: the example project as it is, or with another package
//! for its tokens, on a database of its own. Most tests share one and differ by
//! their users.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::Request;
use super::dialect::Dialect;
use super::http::Response;
use super::places::PLACES;
use super::provider::{Launch, Program, Provider};
use super::running::Running;
use super::{cookie, home, jwt, ports, wait};

/// Users in the database; each test takes new ones.
const USERS: usize = 1000;

/// Where Django notes the uses of refresh tokens.
const PRESENTATIONS: &str = "presentations.jsonl";

pub const REFRESH: &str = "/api/token/refresh/";
pub const REVOKE: &str = "/api/token/blacklist/";
pub const WHOAMI: &str = "/api/whoami/";

/// What may differ between Djangos: the example's environment variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// Life of an access token in seconds.
    pub access: u32,
    /// Life of a refresh token in seconds.
    pub refresh: u32,
    /// Each refresh gives a new refresh token and spends the old one.
    pub rotate: bool,
    /// For so many seconds a spent refresh token gives its successor again.
    pub grace: u32,
    /// Which package gives the tokens.
    pub dialect: Dialect,
    /// Each use of a refresh token is noted; see [`Django::presentations`].
    pub presentations: bool,
}

impl Options {
    /// The module of Django's settings.
    fn settings(self) -> &'static str {
        if self.presentations {
            assert_eq!(self.dialect, Dialect::SimpleJwt, "notes are SimpleJWT's");
            "presentations.settings"
        } else {
            self.dialect.settings()
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            access: 300,
            refresh: 86400,
            rotate: true,
            grace: 0,
            dialect: Dialect::default(),
            presentations: false,
        }
    }
}

/// A user who has never logged in before.
#[derive(Clone, Debug)]
pub struct User {
    pub name: String,
    pub id: usize,
}

/// A running Django.
pub struct Django {
    pub addr: SocketAddr,
    pub dialect: Dialect,
    provider: Arc<dyn Provider>,
    home: TempDir,
    pub part: Running,
}

/// What all Djangos of a dialect share in a run.
struct Common {
    secret_key: String,
    password: String,
    template: TempDir,
}

static COMMON: LazyLock<Mutex<HashMap<Dialect, Arc<Common>>>> = LazyLock::new(Mutex::default);

impl Common {
    fn get(provider: &dyn Provider, dialect: Dialect) -> Arc<Self> {
        let mut all = COMMON.lock().expect("the common part");
        Arc::clone(all.entry(dialect).or_insert_with(|| {
            let common = Self {
                secret_key: cookie::random_id(),
                password: cookie::random_id(),
                template: home::new("django-template-"),
            };
            let home = common.template.path();
            let mut launch = common.launch(
                Program::Python,
                home,
                Options {
                    dialect,
                    ..Options::default()
                },
            );
            let script = PLACES.root.join("tests/stack/django/prepare.py");
            launch.args = vec![script.display().to_string(), USERS.to_string()];
            launch
                .env
                .push(("STACK_PASSWORD".into(), common.password.clone()));
            provider.run(&launch);
            Arc::new(common)
        }))
    }

    fn launch(&self, program: Program, home: &Path, options: Options) -> Launch {
        let project = PLACES.root.join("examples/django");
        let ours = PLACES.root.join("tests/stack/django");
        let env = [
            ("DJANGO_SECRET_KEY", self.secret_key.clone()),
            (
                "DJANGO_ALLOWED_HOSTS",
                "localhost,127.0.0.1,app.example.com".into(),
            ),
            ("DJANGO_DB", home.join("db.sqlite3").display().to_string()),
            ("ACCESS_TOKEN_SECONDS", options.access.to_string()),
            ("REFRESH_TOKEN_SECONDS", options.refresh.to_string()),
            (
                "ROTATE_REFRESH_TOKENS",
                u8::from(options.rotate).to_string(),
            ),
            ("REFRESH_TOKEN_GRACE_SECONDS", options.grace.to_string()),
            ("DJANGO_SETTINGS_MODULE", options.settings().into()),
            (
                "PYTHONPATH",
                format!("{}:{}", ours.display(), project.display()),
            ),
            ("PYTHONDONTWRITEBYTECODE", "1".into()),
            (
                "STACK_PRESENTATIONS",
                home.join(PRESENTATIONS).display().to_string(),
            ),
        ];
        Launch {
            program,
            name: "django".into(),
            home: home.to_owned(),
            cwd: project,
            args: Vec::new(),
            env: env
                .map(|(name, value)| (name.to_owned(), value))
                .into_iter()
                .chain(options.dialect.env())
                .collect(),
            ports: Vec::new(),
        }
    }
}

impl Django {
    /// The Django with these options that all tests share.
    pub fn shared(provider: &Arc<dyn Provider>, options: Options) -> Arc<Self> {
        static RUNNING: LazyLock<Mutex<HashMap<Options, Arc<Django>>>> =
            LazyLock::new(Mutex::default);
        let mut running = RUNNING
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let django = running
            .entry(options)
            .or_insert_with(|| Arc::new(Self::start(provider, options)));
        Arc::clone(django)
    }

    fn start(provider: &Arc<dyn Provider>, options: Options) -> Self {
        let common = Common::get(provider.as_ref(), options.dialect);
        for _ in 0..3 {
            let home = home::new("django-");
            let database = common.template.path().join("db.sqlite3");
            fs::copy(database, home.path().join("db.sqlite3")).expect("the template");
            let addr = ports::free();
            let mut launch = common.launch(Program::Gunicorn, home.path(), options);
            let config = PLACES.root.join("examples/django/gunicorn.conf.py");
            let config = config.display().to_string();
            let bind = SocketAddr::new(provider.parts_listen_on(), addr.port()).to_string();
            let args = ["-c", &config, "--bind", &bind, "backend.wsgi"];
            launch.args = args.map(str::to_owned).into();
            launch.ports = vec![addr.port()];
            let django = Self {
                addr,
                part: Running::start(provider.as_ref(), launch),
                dialect: options.dialect,
                provider: Arc::clone(provider),
                home,
            };
            if django.wait_ready() {
                return django;
            }
            eprintln!("Django did not come up:\n{}", django.part.log());
        }
        panic!("Django does not start");
    }

    /// Whether it came up; false when it ended instead.
    pub fn wait_ready(&self) -> bool {
        let up = wait::within(Duration::from_secs(30), || {
            !self.part.is_running() || answers(self.addr)
        });
        up && self.part.is_running()
    }

    /// One line of JSON per use of a refresh token, and one per answer to it; see
    /// `tests/stack/django/presentations`.
    pub fn presentations(&self) -> String {
        fs::read_to_string(self.home.path().join(PRESENTATIONS)).unwrap_or_default()
    }

    /// A user that no other test has.
    pub fn new_user(&self) -> User {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(number < USERS, "the tests need more users than {USERS}");
        User {
            name: format!("user{number}"),
            id: number + 1,
        }
    }

    pub fn password(&self) -> String {
        self.common().password.clone()
    }

    /// What Django signs its tokens with.
    pub fn secret_key(&self) -> String {
        self.common().secret_key.clone()
    }

    fn common(&self) -> Arc<Common> {
        Common::get(self.provider.as_ref(), self.dialect)
    }

    /// Logs the user in; gives the access and the refresh token.
    pub fn login(&self, user: &User) -> (String, String) {
        let request = self.dialect.login(&user.name, &self.password());
        let answer = request.send(self.addr);
        assert_eq!(answer.status, 200, "{} logs in", user.name);
        self.dialect.tokens(&answer)
    }

    /// Refreshes as another service would, beside the relay.
    pub fn refresh(&self, refresh: &str) -> Response {
        self.dialect.refresh(refresh).send(self.addr)
    }

    /// A token that Django takes for its own: `kind` is `access` or `refresh`,
    /// the times are seconds from now.
    pub fn mint(&self, kind: &str, user: &User, issued: i64, expires: i64) -> String {
        let now = jwt::now();
        let claims = json!({
            "token_type": kind,
            "iat": now + issued,
            "exp": now + expires,
            "jti": cookie::random_id(),
            "user_id": user.id.to_string(),
        });
        jwt::sign(&self.secret_key(), &claims)
    }

    /// How many refresh tokens the user was ever given.
    pub fn outstanding(&self, user: &User) -> usize {
        let sql = "SELECT COUNT(*) FROM token_blacklist_outstandingtoken WHERE user_id = ?";
        self.count(sql, &json!([user.id]))
    }

    /// How many refresh tokens of the user are neither spent nor revoked.
    pub fn live(&self, user: &User) -> usize {
        let sql = "SELECT COUNT(*) FROM token_blacklist_outstandingtoken o \
                   LEFT JOIN token_blacklist_blacklistedtoken b ON o.id = b.token_id \
                   WHERE o.user_id = ? AND b.id IS NULL";
        self.count(sql, &json!([user.id]))
    }

    /// Whether this refresh token was spent or revoked.
    pub fn is_blacklisted(&self, refresh: &str) -> bool {
        let sql = "SELECT COUNT(*) FROM token_blacklist_blacklistedtoken b \
                   JOIN token_blacklist_outstandingtoken o ON o.id = b.token_id WHERE o.jti = ?";
        self.count(sql, &json!([jwt::claims(refresh)["jti"]])) == 1
    }

    /// The user's newest refresh token.
    pub fn newest_refresh(&self, user: &User) -> String {
        let sql = "SELECT token FROM token_blacklist_outstandingtoken \
                   WHERE user_id = ? ORDER BY id DESC LIMIT 1";
        let rows = self.query(sql, &json!([user.id]));
        rows[0][0].as_str().expect("a token").to_owned()
    }

    fn count(&self, sql: &str, values: &Value) -> usize {
        let count = self.query(sql, values)[0][0].as_u64().expect("a number");
        usize::try_from(count).expect("a small number")
    }

    /// Asks the database itself, beside Django.
    fn query(&self, sql: &str, values: &Value) -> Value {
        const SCRIPT: &str = "import json, sqlite3, sys\n\
            database = sqlite3.connect(sys.argv[1], timeout=20)\n\
            rows = database.execute(sys.argv[2], json.loads(sys.argv[3])).fetchall()\n\
            print(json.dumps(rows))";
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        let database = self.home.path().join("db.sqlite3").display().to_string();
        let args = ["-c", SCRIPT, &database, sql, &values.to_string()];
        let output = self.provider.run(&Launch {
            program: Program::Python,
            name: format!("query-{call}"),
            args: args.map(str::to_owned).into(),
            ..self.part.launch.clone()
        });
        serde_json::from_str(&output).expect("rows")
    }
}

fn answers(addr: SocketAddr) -> bool {
    Request::get("/api/token/")
        .host("localhost")
        .try_send(addr)
        .is_ok()
}
