//! Parts as containers on a private network.
//!
//! A part listens in its container on the port that was chosen for it. Tests find
//! it there on 127.0.0.1, where that port is published; other parts find it on the
//! network, by its name. The gates listen where the network meets this machine. All
//! containers see the checkout, and their own folder, under the paths of this machine.

use std::env;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::OnceLock;

use testcontainers::bollard::models::PortBinding;
use testcontainers::core::{AccessMode, IntoContainerPort, Mount};
use testcontainers::runners::SyncRunner;
use testcontainers::{Container, GenericImage, ImageExt};

use crate::cut::Starting;
use crate::docker::{docker, try_docker};
use crate::stack::places::PLACES;
use crate::stack::provider::{Launch, Part, Processes, Program, Provider};

/// Names the image with Redis, Webdis, Envoy and Django.
const IMAGE: &str = "TOKEN_RELAY_TEST_IMAGE";

/// Marks what belongs to a run; its value is the process.
const LABEL: &str = "org.token-relay.test-run";

/// The network of this run, for what is done when it ends.
static NETWORK: OnceLock<String> = OnceLock::new();

pub struct Containers {
    image: (String, String),
    network: String,
    gateway: IpAddr,
}

impl Containers {
    pub fn new() -> Self {
        let image = env::var(IMAGE).unwrap_or_else(|_| {
            panic!("{IMAGE} names no image; scripts/containers makes one and runs this")
        });
        let (name, tag) = image.rsplit_once(':').unwrap_or((&image, "latest"));
        remove_old_runs();
        let run = std::process::id().to_string();
        let network = format!("token-relay-{run}");
        let label = format!("{LABEL}={run}");
        let create = ["network", "create", "--label", &label];
        docker(&[&create[..], &[&network]].concat());
        // The engine finds a range that is free. Only where it was told one, an address
        // can be asked for.
        let format = "{{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}{{end}}";
        let range = docker(&["network", "inspect", "--format", format, &network]);
        let (subnet, gateway) = range.split_once(' ').expect("the network's addresses");
        docker(&["network", "rm", &network]);
        let addresses = ["--subnet", subnet, "--gateway", gateway, &network];
        docker(&[&create[..], &addresses].concat());
        NETWORK.set(network.clone()).expect("one network per run");
        remove_at_exit();
        Self {
            image: (name.to_owned(), tag.to_owned()),
            gateway: gateway.parse().expect("the network's gateway"),
            network,
        }
    }
}

/// The container of the part that tests find at this address.
pub fn name_of(addr: SocketAddr) -> String {
    format!("token-relay-{}", addr.port())
}

/// The network of this run.
pub fn network() -> &'static str {
    NETWORK.get().expect("a stack runs")
}

impl Provider for Containers {
    fn start(&self, launch: &Launch) -> Box<dyn Part> {
        let (name, tag) = &self.image;
        let mut image = GenericImage::new(name, tag).with_entrypoint("/bin/sh");
        for port in &launch.ports {
            image = image.with_exposed_port(port.tcp());
        }
        let ports = launch.ports.clone();
        let run = std::process::id().to_string();
        let mut request = image
            .with_cmd(command(launch))
            .with_network(&self.network)
            .with_container_name(name_of(SocketAddr::new(self.gateway, launch.ports[0])))
            .with_label(LABEL, run)
            .with_user(owner(&launch.home))
            .with_working_dir(launch.cwd.display().to_string())
            .with_cap_drop("ALL")
            .with_readonly_rootfs(true)
            .with_mount(bind(&PLACES.root, AccessMode::ReadOnly))
            .with_mount(bind(&launch.home, AccessMode::ReadWrite))
            .with_mount(Mount::tmpfs_mount("/tmp"))
            .with_env_var("HOME", launch.home.display().to_string())
            .with_env_var("TZ", "UTC")
            .with_host_config_modifier(move |config| {
                let bindings = ports.iter().map(|port| {
                    let binding = PortBinding {
                        host_ip: Some(Ipv4Addr::LOCALHOST.to_string()),
                        host_port: Some(port.to_string()),
                    };
                    (format!("{port}/tcp"), Some(vec![binding]))
                });
                config.port_bindings = Some(bindings.collect());
                config.publish_all_ports = Some(false);
                // Names of this network only: a part that is gone is asked for nowhere else.
                config.dns = Some(vec![Ipv4Addr::LOCALHOST.to_string()]);
            });
        for (name, value) in &launch.env {
            request = request.with_env_var(name, value);
        }
        let starting = Starting::begin();
        let container = request.start();
        drop(starting);
        let container =
            container.unwrap_or_else(|error| panic!("{} does not start: {error}", launch.name));
        Box::new(Contained(Some(container)))
    }

    /// What runs to its end only prepares or reads files, beside the containers.
    fn run(&self, launch: &Launch) -> String {
        Processes.run(launch)
    }

    fn parts_listen_on(&self) -> IpAddr {
        Ipv4Addr::UNSPECIFIED.into()
    }

    fn gates_listen_on(&self) -> IpAddr {
        self.gateway
    }

    fn host_of(&self, addr: SocketAddr) -> String {
        if addr.ip().is_loopback() {
            name_of(addr)
        } else {
            addr.ip().to_string()
        }
    }
}

/// The program with its output in the files where tests look for it.
fn command(launch: &Launch) -> Vec<String> {
    let program: &[&str] = match launch.program {
        Program::Redis => &["redis-server"],
        Program::Webdis => &["webdis"],
        Program::Gunicorn => &["python3", "-m", "gunicorn"],
        Program::Python => &["python3"],
        Program::Envoy => &["envoy"],
    };
    let script = r#"out=$1 err=$2; shift 2; exec "$@" >>"$out" 2>>"$err""#;
    let files = [launch.stdout(), launch.stderr()].map(|path| path.display().to_string());
    let mut words = vec!["-c".to_owned(), script.to_owned(), "sh".to_owned()];
    words.extend(files);
    words.extend(program.iter().map(|&word| word.to_owned()));
    words.extend(launch.args.clone());
    words
}

/// Who may write to a part's folder: whoever runs the tests.
fn owner(folder: &Path) -> String {
    let about = fs::metadata(folder).expect("the part's folder");
    format!("{}:{}", about.uid(), about.gid())
}

fn bind(path: &Path, mode: AccessMode) -> Mount {
    let path = path.display().to_string();
    Mount::bind_mount(&path, &path).with_access_mode(mode)
}

/// A running container; `None` when it is gone.
struct Contained(Option<Container<GenericImage>>);

impl Part for Contained {
    fn is_running(&mut self) -> bool {
        let running = self.0.as_ref().map(Container::is_running);
        running.is_some_and(|running| running.unwrap_or(false))
    }

    fn freeze(&self) {
        let container = self.0.as_ref().expect("a container");
        docker(&["pause", container.id()]);
    }

    fn thaw(&self) {
        let container = self.0.as_ref().expect("a container");
        docker(&["unpause", container.id()]);
    }

    fn kill(&mut self) {
        if let Some(container) = self.0.take() {
            // An error says that it is gone already.
            let _ = container.rm();
        }
    }

    fn stop(&mut self) {
        if let Some(container) = &self.0 {
            let _ = container.stop_with_timeout(Some(3));
        }
        self.kill();
    }

    /// Nobody asks it of containers.
    fn memory(&self) -> Option<u64> {
        None
    }

    fn descriptors(&self) -> Option<usize> {
        None
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What lives as long as the process, the shared Django and the network, goes with it.
#[allow(unsafe_code)]
fn remove_at_exit() {
    extern "C" fn remove() {
        remove_run(&std::process::id().to_string());
    }
    // SAFETY: the function is `extern "C"` and takes nothing; it does not unwind,
    // since nothing in it panics unless `docker` itself is gone.
    unsafe { nix::libc::atexit(remove) };
}

/// What runs left behind that were killed.
fn remove_old_runs() {
    let format = format!("{{{{.Label \"{LABEL}\"}}}}");
    let filter = format!("label={LABEL}");
    let networks = ["network", "ls", "--filter", &filter, "--format", &format];
    for run in try_docker(&networks).unwrap_or_default().lines() {
        if !Path::new("/proc").join(run).exists() {
            remove_run(run);
        }
    }
}

fn remove_run(run: &str) {
    let filter = format!("label={LABEL}={run}");
    let containers = try_docker(&["ps", "--all", "--quiet", "--filter", &filter]);
    for container in containers.unwrap_or_default().lines() {
        let _ = try_docker(&["rm", "--force", "--volumes", container]);
    }
    let _ = try_docker(&["network", "rm", &format!("token-relay-{run}")]);
}
