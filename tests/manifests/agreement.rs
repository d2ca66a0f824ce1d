//! What the manifests repeat of the shipped files says the same there.

use serde_json::{Value, json};

use crate::files;
use crate::plugins::{self, By};
use crate::stack::envoy;

fn shipped() -> Value {
    files::one("envoy/envoy.yaml")
}

fn named(bootstrap: &Value, list: &str, name: &str) -> Value {
    let items = bootstrap["static_resources"][list].as_array();
    let mut items = items.expect("a list").iter();
    let found = items.find(|item| item["name"] == name);
    found
        .unwrap_or_else(|| panic!("no {name} in {list}"))
        .clone()
}

/// The cluster without what may differ: where its endpoint is, and how that is
/// found out.
fn without_address(mut cluster: Value) -> Value {
    let endpoint = &mut cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
    let port = endpoint["address"]["socket_address"]["port_value"].clone();
    assert!(port.is_number(), "an address: {cluster}");
    cluster["load_assignment"] = json!({"port": port});
    cluster["type"] = json!(null);
    cluster
}

fn proxy_bootstrap() -> Value {
    let proxy = files::only("envoy/gateway", "EnvoyProxy");
    let bootstrap = &proxy.value["spec"]["bootstrap"];
    assert_eq!(bootstrap["type"], "Merge");
    let text = bootstrap["value"].as_str().expect("text");
    files::documents(&proxy.file, text).remove(0).value
}

fn redis_proxy() -> Value {
    files::one("envoy/istio/store/redis-proxy.yaml")
}

#[test]
fn redis_proxy_is_set_up_as_in_the_shipped_bootstrap() {
    let ours = shipped();
    for theirs in [redis_proxy(), proxy_bootstrap()] {
        let listener = |bootstrap: &Value| named(bootstrap, "listeners", "redis");
        assert_eq!(listener(&theirs), listener(&ours));
        let cluster = |bootstrap: &Value| without_address(named(bootstrap, "clusters", "redis"));
        assert_eq!(cluster(&theirs), cluster(&ours));
    }
}

#[test]
fn the_clusters_in_envoy_gateways_bootstrap_are_the_shipped_ones() {
    let (ours, theirs) = (shipped(), proxy_bootstrap());
    for name in ["django", "webdis"] {
        let cluster = |bootstrap: &Value| without_address(named(bootstrap, "clusters", name));
        assert_eq!(cluster(&theirs), cluster(&ours), "{name}");
    }
    for plugin in plugins::all().iter().filter(|p| p.by == By::EnvoyGateway) {
        for of in ["store", "issuer"] {
            named(&theirs, "clusters", plugin.cluster(of));
        }
    }
}

#[test]
fn envoy_gateways_metrics_have_the_shipped_labels() {
    let theirs = proxy_bootstrap();
    assert!(theirs["stats_config"].is_object());
    assert_eq!(theirs["stats_config"], shipped()["stats_config"]);
}

#[test]
fn istios_bootstrap_gets_the_shipped_labels_and_nothing_else() {
    let theirs = files::one("envoy/istio/store/bootstrap.yaml");
    assert_eq!(theirs, json!({"stats_config": shipped()["stats_config"]}));
}

#[test]
fn the_single_page_applications_metrics_have_the_shipped_labels() {
    let theirs = files::one("examples/spa/envoy.yaml");
    assert!(theirs["stats_config"].is_object());
    assert_eq!(theirs["stats_config"], shipped()["stats_config"]);
}

#[test]
fn the_limits_of_the_gateways_are_the_shipped_ones() {
    let mut ours = shipped();
    let manager = envoy::connection_manager(&mut ours).clone();
    let filter = &files::only("envoy/istio/ingress", "EnvoyFilter").value["spec"];
    let istio = &filter["configPatches"][0]["patch"]["value"]["typed_config"];
    for field in [
        "max_request_headers_kb",
        "request_headers_timeout",
        "request_timeout",
        "stream_idle_timeout",
    ] {
        assert_eq!(istio[field], manager[field], "{field}");
    }
    let common = &istio["common_http_protocol_options"];
    for (field, value) in common.as_object().expect("options") {
        let shipped = &manager["common_http_protocol_options"][field.as_str()];
        assert_eq!(value, shipped, "{field}");
    }
    let gateway = &files::only("envoy/gateway", "ClientTrafficPolicy").value["spec"];
    let http = &gateway["timeout"]["http"];
    assert_eq!(http["requestReceivedTimeout"], manager["request_timeout"]);
    assert_eq!(http["streamIdleTimeout"], manager["stream_idle_timeout"]);
    let idle = &manager["common_http_protocol_options"]["idle_timeout"];
    assert_eq!(&http["idleTimeout"], idle);
}

#[test]
fn the_relays_before_browsers_are_configured_as_the_shipped_one() {
    let mut ours = shipped();
    let ours = envoy::plugin_config(&mut ours).clone();
    let folders = ["envoy/istio/ingress", "envoy/gateway"];
    let mut seen = 0;
    for plugin in plugins::all() {
        let folders = folders.map(|folder| files::root().join(folder));
        if !folders.iter().any(|f| plugin.manifest.file.starts_with(f)) {
            continue;
        }
        let mut theirs = plugin.config.clone();
        theirs["store"]["cluster"] = ours["store"]["cluster"].clone();
        theirs["issuer"]["cluster"] = ours["issuer"]["cluster"].clone();
        theirs["issuer"]["authority"] = ours["issuer"]["authority"].clone();
        assert_eq!(theirs, ours, "{}", plugin.place());
        seen += 1;
    }
    assert_eq!(seen, 2);
}

#[test]
fn a_stopping_pod_keeps_its_store_until_its_envoy_is_done() {
    let pod = files::only("envoy/istio/store", "Deployment");
    let template = &pod.value["spec"]["template"];
    let annotations = &template["metadata"]["annotations"];
    let proxy = annotations["proxy.istio.io/config"].as_str().expect("text");
    let drain = seconds(proxy.trim().split_once(": ").expect("a field").1);
    let grace = template["spec"]["terminationGracePeriodSeconds"].as_u64();
    let sleep = sleep_of_webdis(&template["spec"]["containers"]);
    assert!(drain > 35 + 5 && sleep > drain && grace > Some(sleep));

    let spec = &files::only("envoy/gateway", "EnvoyProxy").value["spec"];
    let shutdown = |field: &str| seconds(spec["shutdown"][field].as_str().expect("a time"));
    let patch = &spec["provider"]["kubernetes"]["envoyDeployment"]["patch"]["value"]["spec"];
    let sleep = sleep_of_webdis(&patch["template"]["spec"]["containers"]);
    let (least, most) = (shutdown("minDrainDuration"), shutdown("drainTimeout"));
    assert!(least > 35 + 5 && most > least && sleep > most);
}

fn seconds(text: &str) -> u64 {
    let number = text.strip_suffix('s').expect("seconds");
    number.parse().expect("a number")
}

fn sleep_of_webdis(containers: &Value) -> u64 {
    let containers = containers.as_array().expect("containers");
    let mut containers = containers.iter();
    let webdis = containers.find(|container| container["name"] == "webdis");
    let sleep = &webdis.expect("webdis")["lifecycle"]["preStop"]["sleep"]["seconds"];
    sleep.as_u64().expect("a number")
}
