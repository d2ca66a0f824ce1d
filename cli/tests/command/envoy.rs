//! What stands around a plugin in Envoy's configuration. Each mistake is made in
//! the shipped files.

use crate::common::{Run, check, run_with};

const SHIPPED: &str = include_str!("../../../envoy/envoy.yaml");
const SPA: &str = include_str!("../../../examples/spa/envoy.yaml");

/// The shipped file with one text replaced wherever it stands.
#[track_caller]
fn with(from: &str, to: &str) -> Run {
    assert!(SHIPPED.contains(from), "{from} is in envoy.yaml");
    check(&SHIPPED.replace(from, to))
}

/// The line of the first such text in the shipped file.
fn line(text: &str) -> usize {
    let (before, _) = SHIPPED.split_once(text).unwrap();
    before.lines().count()
}

#[test]
fn the_shipped_configurations_are_well() {
    let run = run_with(
        &["check", "envoy/envoy.yaml", "examples/spa/envoy.yaml"],
        "",
        &[],
    )
    .exits(0);
    assert_eq!((run.mistakes(), run.warnings()), (0, 0), "{}", run.out);
    run.says("token_relay (listener ingress), line ")
        .says("token_relay_internal (listener internal), line ")
        .says("3 configurations in 2 files: ok");
}

#[test]
fn a_mistake_is_shown_with_its_line_its_path_and_the_hint() {
    let key = r#"key: "session:{id}""#;
    let run = with(key, r#"key: "session""#).exits(1);
    run.says(&format!(
        "mistake  line {}  store.key: found \"session\"\n",
        line(key)
    ));
    run.says(" allowed: a text with {id} exactly once");
    run.says("static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[1].typed_config.config");
    // The anchor serves both plugins.
    assert_eq!(run.mistakes(), 2);
}

#[test]
fn the_yaml_is_read_as_envoy_reads_it() {
    // A plain `no` is a boolean for Envoy, `off` too.
    with("claim: sid", "claim: no")
        .exits(1)
        .says("session.claim: found false");
    let run = with("claim: sid", "claim: \"no\"").exits(0);
    assert_eq!(run.warnings(), 0);
}

#[test]
fn a_cluster_that_is_not_there_is_a_mistake() {
    let run = with("      cluster: webdis", "      cluster: webdiss").exits(1);
    run.says("store.cluster: found \"webdiss\", which is no cluster of this file");
    run.says(" allowed: a cluster of static_resources.clusters: \"django\", ");
    let run = with("      cluster: django\n", "      cluster: djang\n").exits(1);
    run.says("issuer.cluster: found \"djang\"");
    // Clusters may come from elsewhere.
    let dynamic = format!(
        "dynamic_resources: {{cds_config: {{ads: {{}}}}}}\n{}",
        SHIPPED.replace("      cluster: webdis", "      cluster: webdiss")
    );
    check(&dynamic).exits(0);
}

#[test]
fn a_variable_that_the_plugin_does_not_get_is_a_mistake() {
    let run = with(
        "host_env_keys: [AUTH_SECRET, WEBDIS_PASSWORD]",
        "host_env_keys: [AUTH_SECRET]",
    );
    run.exits(1)
        .says("store.credentials.password.env: found \"WEBDIS_PASSWORD\" unset")
        .says("listed in vm_config.environment_variables.host_env_keys");
    let run = with("{host_env_keys: [AUTH_SECRET, WEBDIS_PASSWORD]}", "{}").exits(1);
    run.says("session.secrets[0].env: found \"AUTH_SECRET\" unset");
}

#[test]
fn a_secret_in_key_values_counts_and_is_warned_about() {
    let run = with(
        "{host_env_keys: [AUTH_SECRET, WEBDIS_PASSWORD]}",
        "{host_env_keys: [AUTH_SECRET], key_values: {WEBDIS_PASSWORD: hunter2}}",
    )
    .exits(0);
    run.says("Envoy shows the secret \"WEBDIS_PASSWORD\" in /config_dump");
    assert!(!run.out.contains("hunter2"));
    let run = with("{env: AUTH_SECRET}", "{value: hunter2}").exits(0);
    run.says("warning")
        .says("session.secrets[0].value: Envoy shows this secret in /config_dump");
    assert!(!run.out.contains("hunter2"));
}

#[test]
fn a_plugin_that_fails_open_is_a_mistake() {
    let policy = "failure_policy: FAIL_RELOAD";
    with(policy, "failure_policy: FAIL_OPEN")
        .exits(1)
        .says("failure_policy: found FAIL_OPEN");
    with(policy, "fail_open: true")
        .exits(1)
        .says("fail_open: found true");
    let run = with(policy, "failure_policy: FAIL_CLOSED").exits(0);
    run.says("failure_policy: \"FAIL_CLOSED\": without FAIL_RELOAD");
    with(policy, "fail_open: false")
        .exits(0)
        .says("failure_policy: nothing: without FAIL_RELOAD");
}

#[test]
fn endpoints_that_read_bodies_need_their_setting() {
    let run = with(
        "allow_on_headers_stop_iteration: true",
        "allow_on_headers_stop_iteration: false",
    );
    let run = run.exits(1);
    run.says("allow_on_headers_stop_iteration: found false");
    // Only the internal listener has endpoints.
    assert_eq!(run.mistakes(), 1);
    let spa = SPA.replace(
        "                allow_on_headers_stop_iteration: true\n",
        "",
    );
    check(&spa)
        .exits(1)
        .says("allow_on_headers_stop_iteration: found nothing");
}

#[test]
fn another_runtime_is_a_mistake() {
    let run = with("envoy.wasm.runtime.v8", "envoy.wasm.runtime.wamr").exits(1);
    run.says("vm_config.runtime: found \"envoy.wasm.runtime.wamr\"");
}

#[test]
fn what_does_not_fit_around_it_is_warned_about() {
    with("op_timeout: 0.2s", "op_timeout: 0.5s")
        .exits(0)
        .says("redis_proxy settings.op_timeout: 500ms is not less than store.timeout 500ms");
    with("timeout: 45s", "timeout: 60s")
        .exits(0)
        .says("route.timeout: 1m is not less than stream_idle_timeout 1m");
    with("timeout: 45s", "timeout: 0s")
        .exits(0)
        .says("route.timeout: 0s");
    let run = with("timeout: 45s", "timeout: 0s, idle_timeout: 300s").exits(0);
    assert_eq!(run.warnings(), 0, "{}", run.out);
    with("stream_idle_timeout: 60s", "stream_idle_timeout: 0s")
        .exits(0)
        .says("stream_idle_timeout: 0s: requests of a worker whose VM has crashed");
    with("normalize_path: true", "normalize_path: false")
        .exits(0)
        .says("normalize_path: should be true");
}

/// The shipped file with more in its virtual host, and a second one.
fn with_hosts(host: &str, route: &str, second: &str) -> Run {
    let first = "            - name: ingress\n              domains: [\"*\"]\n";
    let timeout = "timeout: 45s";
    assert!(SHIPPED.contains(first) && SHIPPED.contains(timeout));
    let domains = "              domains: [app.example.com]\n";
    let hosts = format!("{second}            - name: ingress\n{domains}{host}");
    let file = SHIPPED.replacen(first, &hosts, 1);
    check(&file.replacen(timeout, &format!("{timeout}{route}"), 1)).exits(0)
}

const CMS: &str = r#"
            - name: cms
              domains: [cms.example.com]
              routes:
              - match: {prefix: /}
                route: {cluster: nextjs, timeout: 45s}
"#;

const DISABLED: &str = r#"
              typed_per_filter_config:
                token_relay:
                  "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig
                  disabled: true
"#;

#[test]
fn a_host_that_does_not_lead_to_django_is_warned_about() {
    assert_eq!(with_hosts("", "", "").warnings(), 0);
    let run = with_hosts("", "", CMS);
    assert_eq!(run.warnings(), 1, "{}", run.out);
    run.says("virtual_hosts: \"cms\" does not lead to issuer.cluster \"django\"");
    let run = with_hosts("", "", &format!("{CMS}{DISABLED}"));
    assert_eq!(run.warnings(), 0, "{}", run.out);
    let on_a_route = DISABLED.replace("\n  ", "\n    ");
    let run = with_hosts("", "", &format!("{CMS}{on_a_route}"));
    assert_eq!(run.warnings(), 0, "{}", run.out);
    // A route that may lead there, by weight or by a header.
    for cluster in [
        "weighted_clusters: {clusters: [{name: nextjs, weight: 1}, {name: django, weight: 9}]}",
        "cluster_header: x-cluster",
    ] {
        let second = CMS.replace("cluster: nextjs", cluster);
        let run = with_hosts("", "", &second);
        assert_eq!(run.warnings(), 0, "{}", run.out);
    }
    let elsewhere = CMS.replace(
        "route: {cluster: nextjs, timeout: 45s}",
        "redirect: {https_redirect: true}",
    );
    assert_eq!(with_hosts("", "", &elsewhere).warnings(), 0);
}

#[test]
fn copies_and_redirects_that_carry_the_token_are_warned_about() {
    let mirror = "request_mirror_policies: [{cluster: nextjs}]";
    let run = with_hosts(&format!("              {mirror}\n"), "", "");
    assert_eq!(run.warnings(), 1, "{}", run.out);
    run.says("request_mirror_policies: a mirrored request carries the session's token");
    let run = with_hosts("", &format!(", {mirror}"), "");
    run.says("request_mirror_policies: a mirrored request");
    let run = with_hosts(
        "",
        ", internal_redirect_policy: {max_internal_redirects: 1}",
        "",
    );
    assert_eq!(run.warnings(), 1, "{}", run.out);
    run.says("internal_redirect_policy: a request that Envoy sends on by itself");
    let run = with_hosts(DISABLED, &format!(", {mirror}"), "");
    assert_eq!(run.warnings(), 0, "{}", run.out);
    // For all hosts, where the filter is disabled for all hosts.
    let name = "            name: ingress\n";
    assert!(SHIPPED.contains(name));
    let mirrored = format!("{name}            {mirror}\n");
    let run = with(name, &mirrored).exits(0);
    assert_eq!(run.warnings(), 1, "{}", run.out);
    let disabled = DISABLED.replace("\n  ", "\n");
    let run = with(name, &format!("{mirrored}{disabled}")).exits(0);
    assert_eq!(run.warnings(), 0, "{}", run.out);
}

#[test]
fn a_string_value_is_read_as_json() {
    let config = r#"
config:
  name: token_relay
  failure_policy: FAIL_RELOAD
  vm_config:
    environment_variables: {host_env_keys: [AUTH_SECRET]}
  configuration:
    "@type": type.googleapis.com/google.protobuf.StringValue
    value: |
      {"session": {"secrets": [{"env": "AUTH_SECRET"}]}, "store": {"cluster": "webdis"},
       "issuer": {"cluster": "django", "authority": "my_api"},
       "routes": [{"prefix": "/", "session": "required"}]}
"#;
    check(config)
        .exits(1)
        .says("issuer.authority: found \"my_api\"");
    check(&config.replace("my_api", "api")).exits(0);
    check(&config.replace("{\"session\"", "{session"))
        .exits(1)
        .says("configuration: found broken JSON");
    check(&config.replace("StringValue", "BytesValue"))
        .exits(1)
        .says("configuration.@type: found \"type.googleapis.com/google.protobuf.BytesValue\"");
    let (nothing, _) = config.split_once("  configuration:").unwrap();
    check(nothing).exits(1).says("configuration: found nothing");
}

#[test]
fn resources_of_xds_and_merge_keys_are_understood() {
    let resources = r#"
resources:
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: ingress
  filter_chains:
  - filters:
    - typed_config:
        stat_prefix: ingress
        normalize_path: true
        http_filters:
        - name: auth
          typed_config:
            config:
              failure_policy: FAIL_RELOAD
              vm_config: {code: {local: {filename: /etc/envoy/token-relay.wasm}}}
              configuration:
                "@type": type.googleapis.com/google.protobuf.Struct
                value: &one
                  session: {format: opaque}
                  store: {cluster: webdis}
                  issuer: {cluster: django, authority: localhost}
                  routes: [{prefix: /, session: required}]
        - name: token_relay_2
          typed_config:
            config:
              failure_policy: FAIL_RELOAD
              vm_config: {vm_id: x}
              configuration:
                "@type": type.googleapis.com/google.protobuf.Struct
                value: {<<: *one, login_url: login}
"#;
    let run = check(resources).exits(1);
    run.says("auth (listener ingress), line 14: ok");
    run.says("login_url: found \"login\"");
    // Envoy itself refuses the merge key.
    run.says("<<: found a merge key");
    assert_eq!(run.mistakes(), 2);
}

#[test]
fn other_plugins_are_left_alone() {
    let other = r#"
config:
  name: coraza
  vm_config: {code: {local: {filename: /etc/envoy/coraza.wasm}}}
  configuration:
    "@type": type.googleapis.com/google.protobuf.StringValue
    value: '{"rules": []}'
"#;
    check(other).exits(1).says("no Token Relay in it");
    // Whatever it is called, this is ours.
    let ours = r#"{"session":{"format":"opaque"},"store":{"cluster":"webdis"}}"#;
    let run = check(&other.replace(r#"{"rules": []}"#, ours)).exits(1);
    run.says("issuer.cluster: found nothing");
}

#[test]
fn the_documents_show_what_is_printed() {
    let page = include_str!("../../../docs/operations.md");
    let (_, shown) = page.split_once("```text\nenvoy.yaml\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let broken = SHIPPED
        .replacen("FAIL_RELOAD", "FAIL_CLOSED", 1)
        .replace(r#""session:{id}""#, r#""session:""#);
    // But for the lines' numbers, which change with the file.
    let without_numbers = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    let printed = without_numbers(&check(&broken).exits(1).out);
    assert!(printed.contains(&without_numbers(shown)), "{printed}");
}
