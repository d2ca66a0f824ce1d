//! Istio's and Envoy Gateway's resources.

use crate::common::check;

const ISTIO: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: webdis}
spec: {ports: [{port: 7379}]}
---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: token-relay}
spec:
  url: oci://registry.example.com/token-relay:0.1.0
  failStrategy: FAIL_RELOAD
  pluginConfig:
    session: {secrets: [{env: AUTH_SECRET}]}
    store: {cluster: outbound|7379||webdis.default.svc.cluster.local}
    issuer: {cluster: outbound|8000||django.default.svc.cluster.local, authority: api.example.com}
    routes:
    - {prefix: /api/auth/, session: off}
    - {prefix: /api/, session: required}
  vmConfig:
    env:
    - {name: AUTH_SECRET, valueFrom: HOST}
"#;

const GATEWAY: &str = r#"
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata: {name: relay}
spec:
  wasm:
  - name: other
    code: {type: Image, image: {url: registry.example.com/coraza:1}}
  - name: token-relay
    rootID: token_relay
    code: {type: Image, image: {url: registry.example.com/token-relay:0.1.0}}
    env: {hostKeys: [AUTH_SECRET]}
    config:
      session: {secrets: [{env: AUTH_SECRET}]}
      store: {cluster: webdis}
      issuer: {cluster: django, authority: api.example.com}
      routes: [{prefix: /api/, session: required}]
"#;

#[test]
fn a_wasm_plugin_is_checked() {
    let run = check(ISTIO).exits(0);
    run.says("WasmPlugin token-relay, line ")
        .says("1 configuration in 1 file: ok");
    let run = check(&ISTIO.replace("session: required", "session: yes")).exits(1);
    run.says("line 19  routes[1].session: found true")
        .says("spec.pluginConfig");
    check(&ISTIO.replace("FAIL_RELOAD", "FAIL_OPEN"))
        .exits(1)
        .says("failStrategy: found FAIL_OPEN");
    let closed = check(&ISTIO.replace("  failStrategy: FAIL_RELOAD\n", "")).exits(0);
    closed.says("failStrategy: nothing: without FAIL_RELOAD");
}

#[test]
fn the_variables_of_a_wasm_plugin_are_its_own() {
    let run = check(&ISTIO.replace("name: AUTH_SECRET, ", "name: OTHER, ")).exits(1);
    run.says("session.secrets[0].env: found \"AUTH_SECRET\" unset");
    let inline = check(&ISTIO.replace("valueFrom: HOST", "value: hunter2")).exits(0);
    inline.says("vmConfig.env: a value in the manifest is seen by all");
    assert!(!inline.out.contains("hunter2"));
    check(&ISTIO.replace(", valueFrom: HOST", ""))
        .exits(1)
        .says("\"AUTH_SECRET\" empty");
}

#[test]
fn an_envoy_extension_policy_is_checked() {
    let run = check(GATEWAY).exits(0);
    run.says("EnvoyExtensionPolicy relay, line 9: ok");
    let run = check(&GATEWAY.replace("prefix: /api/", "prefix: api")).exits(1);
    run.says("spec.wasm[1].config")
        .says("routes[0].prefix: found \"api\"");
    check(&GATEWAY.replace("hostKeys: [AUTH_SECRET]", "hostKeys: []"))
        .exits(1)
        .says("unset");
    let open = GATEWAY.replace("    config:", "    failOpen: true\n    config:");
    check(&open).exits(1).says("failOpen: found true");
    let endpoints = GATEWAY.replace("    env:", "    env: &env");
    check(&endpoints).exits(0);
    let endpoints = format!("{GATEWAY}      endpoints: {{login: {{path: /l, reply: body}}}}\n");
    check(&endpoints)
        .exits(0)
        .says("endpoints: endpoints that read bodies need");
}

#[test]
fn lists_and_envoy_filters_are_looked_into() {
    let (_, plugin) = ISTIO.split_once("---\n").unwrap();
    let indented: String = plugin.lines().map(|line| format!("  {line}\n")).collect();
    let list = format!("apiVersion: v1\nkind: List\nitems:\n-{}", &indented[1..]);
    check(&list).exits(0).says("WasmPlugin token-relay");
    let filter = r#"
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: relay}
spec:
  configPatches:
  - applyTo: HTTP_FILTER
    patch:
      operation: INSERT_BEFORE
      value:
        name: token_relay
        typed_config:
          config:
            failure_policy: FAIL_RELOAD
            vm_config: {runtime: envoy.wasm.runtime.v8}
            configuration:
              "@type": type.googleapis.com/google.protobuf.StringValue
              value: '{"store": {}}'
"#;
    let run = check(filter).exits(1);
    run.says("spec.configPatches[0].patch.value.typed_config.config")
        .says("store.cluster: found nothing");
}

#[test]
fn the_files_of_a_config_map_are_looked_into() {
    let shipped = include_str!("../../../envoy/envoy.yaml").replace("session:{id}", "session:");
    let indented: String = shipped
        .lines()
        .map(|line| format!("    {line}\n"))
        .collect();
    let map = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: envoy}}\ndata:\n  notes: 'a: ['\n  envoy.yaml: |\n{indented}"
    );
    let run = check(&map).exits(1);
    run.says("ConfigMap, envoy.yaml from line ")
        .says("token_relay (listener ingress), line ")
        .says("store.key: found \"session:\"");
    assert_eq!(run.mistakes(), 2);
}
