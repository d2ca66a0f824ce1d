//! The relay on the way out of Next.js's pod: on a listener that Django shares with
//! every other service of the same port.

use serde_json::{Value, json};

use crate::ecds;
use crate::plugins;
use crate::stack::act::Act;
use crate::stack::client::Request;
use crate::stack::django::WHOAMI;
use crate::stack::gate::Gate;
use crate::stack::http::Response;
use crate::stack::{Stack, envoy, home, ports};

const DJANGO: &str = "django.shop.svc.cluster.local";

/// What the `EnvoyFilter` does to this kind of thing.
fn patch(applied_to: &str) -> Value {
    let plugin = plugins::only("envoy/istio/egress");
    let patches = plugin.manifest.value["spec"]["configPatches"].as_array();
    let mut patches = patches.expect("patches").iter();
    let found = patches.find(|patch| patch["applyTo"] == applied_to);
    found.expect(applied_to).clone()
}

#[test]
fn the_filter_is_off_for_all_hosts_but_the_issuers() {
    let filter = patch("HTTP_FILTER")["patch"]["value"].clone();
    assert_eq!(filter["disabled"], true);
    let plugin = plugins::only("envoy/istio/egress");
    let host = patch("VIRTUAL_HOST");
    let name = host["match"]["routeConfiguration"]["vhost"]["name"].as_str();
    let (host_name, port) = name.expect("a name").split_once(':').expect("a port");
    let cluster = format!("outbound|{port}||{host_name}");
    assert_eq!(plugin.cluster("issuer"), cluster);
    let enabled = host["patch"]["value"]["typed_per_filter_config"].as_object();
    let enabled: Vec<&String> = enabled.expect("filters").keys().collect();
    assert_eq!(enabled, [filter["name"].as_str().expect("a name")]);
}

#[test]
fn another_service_at_the_same_port_gets_the_cookie_and_no_token() {
    let home = home::new("egress-");
    let file = home.path().join("filter.json");
    let other = Gate::new(ports::free());
    for path in [WHOAMI, "/auth/session"] {
        other.always(path, Act::answer(Response::new(200)));
    }
    let elsewhere = other.addr();
    let stack = Stack::build()
        .bootstrap(move |bootstrap| {
            let plugin = plugins::only("envoy/istio/egress");
            plugin.install(bootstrap, "internal", |config| {
                config["issuer"]["authority"] = json!("localhost");
            });
            share_the_listener(bootstrap, &file);
            envoy::set_endpoint(bootstrap, "nextjs", elsewhere);
        })
        .start();
    let to = stack.envoy().at.internal;
    let session = stack.expired();
    let request = stack.request(WHOAMI, &session);
    for host in ["other.shop.svc.cluster.local:8000", "unknown.example:8000"] {
        assert_eq!(request.clone().host(host).send(to).status, 200, "{host}");
        let seen = other.last(WHOAMI);
        assert_eq!(seen.header("authorization"), None, "{host}");
        assert!(seen.header("cookie").is_some(), "{host}");
        let endpoint = Request::get("/auth/session").host(host);
        assert_eq!(endpoint.send(to).status, 200, "{host}");
    }
    assert_eq!(other.calls("/auth/session"), 2, "nobody else answered");
    assert_eq!(stack.refreshes(&session), 0);
    session.assert_is_me(&request.host(&format!("{DJANGO}:8000")).send(to));
    assert_eq!(stack.refreshes(&session), 1);
}

/// The listener for Next.js's server as Istio has it after the patches, with the
/// filter that stands there in a file.
fn share_the_listener(bootstrap: &mut Value, file: &std::path::Path) {
    let listeners = bootstrap["static_resources"]["listeners"].as_array_mut();
    let mut listeners = listeners.expect("listeners").iter_mut();
    let internal = listeners.find(|listener| listener["name"] == "internal");
    let internal = internal.expect("the listener");
    let manager = &mut internal["filter_chains"][0]["filters"][0]["typed_config"];
    let filters = manager["http_filters"].as_array_mut().expect("filters");
    let mut filters = filters.iter_mut();
    let ours = filters.find(|filter| filter["name"] == "token_relay");
    let ours = ours.expect("the relay's filter");
    let mut inserted = patch("HTTP_FILTER")["patch"]["value"].clone();
    let name = inserted["name"].as_str().expect("a name").to_owned();
    ecds::write(file, &name, &ours["typed_config"]);
    inserted["config_discovery"]["config_source"] = ecds::source(file);
    *ours = inserted;
    let mut django = json!({
        "name": format!("{DJANGO}:8000"),
        "domains": [DJANGO, format!("{DJANGO}:8000")],
        "routes": [{
            "match": {"prefix": "/"},
            "route": {"cluster": "django", "host_rewrite_literal": "localhost"},
        }],
    });
    let merged = patch("VIRTUAL_HOST")["patch"]["value"].clone();
    for (field, value) in merged.as_object().expect("fields") {
        django[field.as_str()] = value.clone();
    }
    let others = json!({
        "name": "others",
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "nextjs"}}],
    });
    manager["route_config"]["virtual_hosts"] = json!([django, others]);
    bootstrap["node"] = json!({"id": "test", "cluster": "test"});
}
