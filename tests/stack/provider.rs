//! What starts a part: processes here, containers in `tests/containers/`. Each test
//! binary says at its root, as `provider()`, which of them it takes.

use std::fs::{self, File, OpenOptions};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use nix::sys::prctl;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::places::PLACES;
use super::wait;

/// The programs of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Redis,
    Webdis,
    Gunicorn,
    Python,
    Envoy,
}

/// How a part is started. Tests find it on 127.0.0.1; for the other parts, see
/// [`Provider::host_of`].
#[derive(Clone, Debug)]
pub struct Launch {
    pub program: Program,
    /// Names its log files.
    pub name: String,
    /// Holds the part's files; its output goes there as well.
    pub home: PathBuf,
    /// Where it runs.
    pub cwd: PathBuf,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    /// Where it listens. Other parts know it by the first of these.
    pub ports: Vec<u16>,
}

/// Something that runs parts.
pub trait Provider: Send + Sync {
    /// Starts a part, which may not be ready yet.
    fn start(&self, launch: &Launch) -> Box<dyn Part>;

    /// Runs a part to its end and gives its standard output.
    fn run(&self, launch: &Launch) -> String;

    /// The address that a part has to listen on.
    fn parts_listen_on(&self) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }

    /// The address of the test process that parts can reach.
    fn gates_listen_on(&self) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }

    /// The host on which the parts find what tests find at this address.
    fn host_of(&self, addr: SocketAddr) -> String {
        addr.ip().to_string()
    }
}

/// A running part; dropping it ends it.
pub trait Part: Send + Sync {
    fn is_running(&mut self) -> bool;
    /// It stops answering and keeps its connections.
    fn freeze(&self);
    /// It goes on where it was frozen.
    fn thaw(&self);
    /// It is gone at once, without a chance to say goodbye.
    fn kill(&mut self);
    /// It is asked to end, and made to when it does not.
    fn stop(&mut self);
    /// The memory it has in use, in KiB; `None` when it is gone.
    fn memory(&self) -> Option<u64>;
    /// How many descriptors it has open; `None` when it is gone.
    fn descriptors(&self) -> Option<usize>;
}

impl Launch {
    pub fn stdout(&self) -> PathBuf {
        self.home.join(format!("{}.out", self.name))
    }

    pub fn stderr(&self) -> PathBuf {
        self.home.join(format!("{}.err", self.name))
    }

    /// Everything it wrote so far, over all its starts.
    pub fn log(&self) -> String {
        [self.stdout(), self.stderr()]
            .iter()
            .map(|path| fs::read(path).unwrap_or_default())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect()
    }
}

/// Local processes.
pub struct Processes;

impl Processes {
    fn command(launch: &Launch) -> Command {
        let mut command = Command::new(match launch.program {
            Program::Redis => &PLACES.redis,
            Program::Webdis => &PLACES.webdis,
            Program::Gunicorn => &PLACES.gunicorn,
            Program::Python => &PLACES.python,
            Program::Envoy => &PLACES.envoy,
        });
        let append = |path| -> File {
            let mut options = OpenOptions::new();
            options
                .create(true)
                .append(true)
                .open(path)
                .expect("a log file")
        };
        // Nothing of the caller's environment but what finds programs: a
        // variable that happens to be set must not decide a test.
        command
            .args(&launch.args)
            .current_dir(&launch.cwd)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &launch.home)
            // All logs tell the same time.
            .env("TZ", "UTC")
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(append(launch.stdout()))
            .stderr(append(launch.stderr()))
            // A group of its own: gunicorn's workers hear what their master hears.
            .process_group(0);
        end_with_parent(&mut command);
        command
    }
}

/// Children never outlive the test process, even when it is killed.
#[allow(unsafe_code)]
fn end_with_parent(command: &mut Command) {
    let set = || Ok(prctl::set_pdeathsig(Signal::SIGKILL)?);
    // SAFETY: `prctl` is async-signal-safe and allocates nothing.
    unsafe { command.pre_exec(set) };
}

impl Provider for Processes {
    fn start(&self, launch: &Launch) -> Box<dyn Part> {
        Box::new(Process(spawn(Self::command(launch))))
    }

    fn run(&self, launch: &Launch) -> String {
        let _ = fs::remove_file(launch.stdout());
        let mut process = Process(spawn(Self::command(launch)));
        let status = process.0.wait().expect("its end");
        assert!(status.success(), "{}: {}", launch.name, launch.log());
        fs::read_to_string(launch.stdout()).expect("its output")
    }
}

type Order = (Command, mpsc::Sender<std::io::Result<Child>>);

/// The kernel sends the parent-death signal when the *thread* ends that forked.
/// Tests are threads and parts may be shared between them, so a thread that
/// lives as long as the process does all the forking.
fn spawn(command: Command) -> Child {
    static SPAWNER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in inbox {
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    let (reply, child) = mpsc::channel();
    let what = format!("{:?}", command.get_program());
    let orders = SPAWNER.lock().expect("the spawner").clone();
    orders.send((command, reply)).expect("the spawner lives");
    let child = child.recv().expect("the spawner answers");
    child.unwrap_or_else(|error| panic!("{what} does not start: {error}"))
}

struct Process(Child);

impl Process {
    fn signal(&self, signal: Signal) {
        let group = Pid::from_raw(i32::try_from(self.0.id()).expect("a pid"));
        // An error says that nobody is left to hear it.
        let _ = killpg(group, signal);
    }
}

impl Part for Process {
    fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        let _ = self.0.wait();
    }

    fn stop(&mut self) {
        if self.is_running() {
            self.signal(Signal::SIGTERM);
            wait::within(Duration::from_secs(3), || !self.is_running());
        }
        self.kill();
    }

    fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    }

    fn descriptors(&self) -> Option<usize> {
        let files = fs::read_dir(format!("/proc/{}/fd", self.0.id())).ok()?;
        Some(files.count())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
