//! The plugin configurations are ones that the relay takes (section 2).

use serde_json::{Value, json};
use token_relay::config::Config;

use crate::files::{self, Document};
use crate::plugins::{self, By, Plugin};

#[test]
fn the_relay_takes_every_configuration_without_a_warning() {
    for plugin in plugins::all() {
        let env = |name: &str| {
            let known = plugin.env.iter().any(|given| given == name);
            known.then(|| "correct horse battery staple".to_owned())
        };
        match Config::parse(plugin.config.to_string().as_bytes(), &env) {
            Ok(parsed) => assert!(
                parsed.warnings.is_empty(),
                "{}: {:?}",
                plugin.place(),
                parsed.warnings
            ),
            Err(mistakes) => panic!("{}: {mistakes:#?}", plugin.place()),
        }
    }
}

#[test]
fn each_variable_is_one_that_the_proxys_container_gets_from_a_secret() {
    for plugin in plugins::all() {
        let given = proxy_environment(&plugin);
        for name in &plugin.env {
            assert!(
                given.contains(name),
                "{}: nothing puts {name} into the proxy's environment",
                plugin.place()
            );
        }
    }
}

/// The variables of the Envoy in which the plugin runs that come from a Secret.
fn proxy_environment(plugin: &Plugin) -> Vec<String> {
    let env = match plugin.by {
        By::EnvoyGateway => {
            let proxy = files::only("envoy/gateway", "EnvoyProxy");
            let deployment = &proxy.value["spec"]["provider"]["kubernetes"]["envoyDeployment"];
            deployment["container"]["env"].clone()
        }
        By::WasmPlugin | By::EnvoyFilter => {
            let pod = files::only("envoy/istio/store", "Deployment");
            let containers = &pod.value["spec"]["template"]["spec"]["containers"];
            let containers = containers.as_array().expect("containers");
            let mut named = containers.iter();
            let proxy = named.find(|container| container["name"] == "istio-proxy");
            let proxy = proxy.expect("istio-proxy");
            assert_eq!(proxy["image"], "auto", "the injector puts its image there");
            proxy["env"].clone()
        }
    };
    let env = env.as_array().expect("env").iter();
    env.filter(|variable| {
        let secret = &variable["valueFrom"]["secretKeyRef"];
        secret == &json!({"name": "token-relay", "key": variable["name"]})
    })
    .map(|variable| variable["name"].as_str().expect("a name").to_owned())
    .collect()
}

#[test]
fn no_secret_stands_in_a_manifest() {
    for document in files::all() {
        assert_ne!(document.kind(), "Secret", "{}", document.file.display());
    }
    for plugin in plugins::all() {
        let text = plugin.config.to_string();
        assert!(!text.contains("\"value\""), "{}", plugin.place());
        if plugin.by == By::WasmPlugin {
            let env = &plugin.manifest.value["spec"]["vmConfig"]["env"];
            for variable in env.as_array().expect("a list") {
                assert_eq!(variable["valueFrom"], "HOST", "{}", plugin.place());
            }
        }
    }
}

#[test]
fn a_module_that_fails_never_lets_requests_pass() {
    let nothing = json!({"local": {"filename": "module"}});
    for plugin in plugins::all() {
        let envoys = plugin.as_envoy_gets_it(&plugin.config, &nothing);
        assert_eq!(
            envoys["failure_policy"],
            "FAIL_RELOAD",
            "{}",
            plugin.place()
        );
        assert_ne!(envoys["fail_open"], true, "{}", plugin.place());
        if plugin.has_endpoints() {
            let reads_bodies = &envoys["allow_on_headers_stop_iteration"];
            assert_eq!(reads_bodies, true, "{}", plugin.place());
        }
    }
}

#[test]
fn endpoints_that_name_sessions_are_on_the_way_out_of_a_pod_only() {
    for plugin in plugins::all() {
        let inside = plugin
            .manifest
            .file
            .starts_with(files::root().join("envoy/istio/egress"));
        assert_eq!(plugin.has_endpoints(), inside, "{}", plugin.place());
        if !inside {
            continue;
        }
        let patches = plugin.manifest.value["spec"]["configPatches"].as_array();
        for patch in patches.expect("patches") {
            assert_eq!(patch["match"]["context"], "SIDECAR_OUTBOUND");
        }
    }
}

#[test]
fn every_module_is_pulled_under_the_same_name() {
    let image = |plugin: &Plugin| plugin.url.trim_start_matches("oci://").to_owned();
    let plugins = plugins::all();
    let first = image(&plugins[0]);
    let version = env!("CARGO_PKG_VERSION");
    assert!(first.ends_with(&format!(":{version}")), "{first}");
    for plugin in &plugins {
        assert_eq!(image(plugin), first, "{}", plugin.place());
    }
}

/// A cluster that Istio makes of a service or ServiceEntry.
fn istio_cluster(name: &str) -> (String, u64, String) {
    let parts: Vec<&str> = name.split('|').collect();
    let [direction, port, subset, host] = parts.as_slice() else {
        panic!("`{name}` is no name of Istio's");
    };
    assert_eq!(*subset, "", "{name}");
    let port = port.parse().expect("a port");
    ((*direction).to_owned(), port, (*host).to_owned())
}

#[test]
fn the_stores_cluster_is_the_one_that_the_service_entry_makes() {
    let entry = files::only("envoy/istio/store", "ServiceEntry");
    let rule = files::only("envoy/istio/store", "DestinationRule");
    let spec = &entry.value["spec"];
    assert_eq!(rule.value["spec"]["host"], spec["hosts"][0]);
    for plugin in plugins::all().iter().filter(|p| p.by != By::EnvoyGateway) {
        let (direction, port, host) = istio_cluster(plugin.cluster("store"));
        assert_eq!(direction, "outbound", "{}", plugin.place());
        assert_eq!(spec["ports"][0]["number"], port, "{}", plugin.place());
        assert_eq!(spec["hosts"][0], host.as_str(), "{}", plugin.place());
    }
}

#[test]
fn the_issuers_cluster_is_that_of_a_service_that_is_routed_to_or_of_the_same_pod() {
    let routes = files::only("envoy/istio/ingress", "VirtualService");
    let text = routes.value.to_string();
    for plugin in plugins::all().iter().filter(|p| p.by != By::EnvoyGateway) {
        let (direction, port, host) = istio_cluster(plugin.cluster("issuer"));
        let authority = plugin.config["issuer"]["authority"].as_str();
        let authority = authority.expect("an authority");
        assert_eq!(port, 8000, "{}", plugin.place());
        // Istio's inbound clusters have no endpoints: `requests::an_inbound_cluster…`.
        assert_eq!(direction, "outbound", "{}", plugin.place());
        if host != authority {
            let beside = plugin.manifest.file.with_file_name("issuer.yaml");
            let [entry, rule] = &files::documents(&beside, &files::text(&beside))[..] else {
                panic!("{}: a ServiceEntry and its rule", beside.display());
            };
            assert_on_loopback(entry, rule, &host, port);
        }
        assert!(text.contains(authority), "{}", plugin.place());
    }
}

/// It is what a Sidecar's `localhost` would be: reached without leaving the pod.
fn assert_on_loopback(entry: &Document, rule: &Document, host: &str, port: u64) {
    let file = entry.file.display();
    let (spec, policy) = (&entry.value["spec"], &rule.value["spec"]["trafficPolicy"]);
    assert_eq!(
        [entry.kind(), rule.kind()],
        ["ServiceEntry", "DestinationRule"]
    );
    assert_eq!(spec["hosts"], json!([host]), "{file}");
    assert_eq!(spec["ports"][0]["number"], port, "{file}");
    assert_eq!(spec["resolution"], "STATIC", "{file}");
    assert_eq!(spec["location"], "MESH_EXTERNAL", "{file}");
    assert_eq!(
        spec["endpoints"],
        json!([{"address": "127.0.0.1"}]),
        "{file}"
    );
    assert_eq!(rule.value["spec"]["host"], host, "{file}");
    assert_eq!(policy["tls"]["mode"], "DISABLE", "{file}");
    for document in [entry, rule] {
        assert_eq!(document.value["spec"]["exportTo"], json!(["."]), "{file}");
    }
}

#[test]
fn connections_to_django_end_before_gunicorn_ends_them() {
    let pool = |folder: &str| {
        let rule = files::only(folder, "DestinationRule");
        rule.value["spec"]["trafficPolicy"]["connectionPool"].clone()
    };
    assert_eq!(pool("envoy/istio/sidecar"), pool("envoy/istio/ingress"));
}

#[test]
fn envoy_gateways_patches_name_the_filter_that_the_policy_makes() {
    let plugins = plugins::all();
    let mut of_gateway = plugins.iter().filter(|p| p.by == By::EnvoyGateway);
    let filter = of_gateway.next().expect("one").gateway_filter();
    let policy = files::only("envoy/gateway", "EnvoyPatchPolicy");
    let gateway = files::only("envoy/gateway", "Gateway");
    let listener = &gateway.value["spec"]["listeners"][0]["name"];
    let listener = format!(
        "token-relay/{}/{}",
        gateway.name(),
        listener.as_str().expect("a name")
    );
    let patches = policy.value["spec"]["jsonPatches"].as_array();
    for patch in patches.expect("patches") {
        assert_eq!(patch["name"], listener.as_str());
        let path = patch["operation"]["jsonPath"].as_str().expect("a path");
        assert!(path.contains(&format!("@.name=='{filter}'")), "{path}");
    }
}

#[test]
fn every_policy_of_envoy_gateway_is_about_its_gateway() {
    let gateway = files::only("envoy/gateway", "Gateway");
    let about = |target: &Value, document: &Document| {
        assert_eq!(target["kind"], "Gateway", "{}", document.file.display());
        assert_eq!(
            target["name"],
            gateway.name(),
            "{}",
            document.file.display()
        );
    };
    let folder = files::root().join("envoy/gateway");
    let documents = files::all();
    for document in documents.iter().filter(|d| d.file.starts_with(&folder)) {
        let spec = &document.value["spec"];
        if let Some(target) = spec.get("targetRef") {
            about(target, document);
        }
        for target in spec["targetRefs"].as_array().into_iter().flatten() {
            about(target, document);
        }
    }
    let class = files::only("envoy/gateway", "GatewayClass");
    assert_eq!(gateway.value["spec"]["gatewayClassName"], class.name());
    let parameters = &gateway.value["spec"]["infrastructure"]["parametersRef"]["name"];
    let proxy = files::only("envoy/gateway", "EnvoyProxy");
    assert_eq!(parameters, proxy.name());
}
