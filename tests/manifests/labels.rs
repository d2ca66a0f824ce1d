//! The labels of the relay's metrics in Istio, whose bootstrap makes labels of its own.

use std::collections::BTreeSet;

use serde_json::json;

use crate::files;
use crate::stack::Stack;
use crate::stack::client::Request;

/// What Prometheus gets of the relay: names with their labels.
fn names(stack: &Stack) -> BTreeSet<String> {
    let answer = Request::get("/stats/prometheus").send(stack.envoy().at.admin);
    let text = answer.text();
    let ours = ["token_relay", "envoy_wasm_vm_reload"];
    let lines = text.lines();
    let lines = lines.filter(|line| ours.iter().any(|start| line.starts_with(start)));
    lines
        .map(|line| line.rsplit_once(' ').expect("a name and a value").0)
        .map(str::to_owned)
        .collect()
}

/// Section 9. Istio's agent starts Envoy with Istio's bootstrap and, as `--config-yaml`,
/// what `ISTIO_BOOTSTRAP_OVERRIDE` names.
#[test]
fn over_istios_bootstrap_the_labels_are_the_shipped_ones() {
    // Those of istio/istio's tools/packaging/common/envoy_bootstrap.json, at 002dd6f5, that
    // may fit a name of any beginning.
    let istios = json!([
        {"tag_name": "response_code", "regex": r"_rq(_(\d{3}))$"},
        {"tag_name": "response_code_class", "regex": r"_rq(_(\dxx))$"},
        {"tag_name": "cache", "regex": r"(cache\.(.+?)\.)"},
        {"tag_name": "component", "regex": r"(component\.(.+?)\.)"},
        {"tag_name": "tag", "regex": r"(tag\.(.+?);\.)"},
        {"tag_name": "wasm_filter", "regex": r"(wasm_filter\.(.+?)\.)"},
        {"tag_name": "authz_enforce_result", "regex": r"rbac(\.(allowed|denied))"},
        {"tag_name": "authz_dry_run_action", "regex": r"(\.istio_dry_run_(allow|deny)_)"},
        {"tag_name": "authz_dry_run_result", "regex": r"(\.shadow_(allowed|denied))"},
    ]);
    let istio = Stack::build()
        .workers(1)
        .bootstrap(move |bootstrap| {
            bootstrap["stats_config"] = json!({
                "use_all_default_tags": false,
                "stats_tags": istios,
                // Of clusters only with proxyStatsMatcher; the stack waits for them.
                "stats_matcher": {"inclusion_list": {"patterns": [
                    {"prefix": "server"}, {"prefix": "listener_manager"}, {"prefix": "wasm"},
                    {"prefix": "cluster"},
                ]}},
            });
        })
        .laid_over(files::one("envoy/istio/store/bootstrap.yaml"))
        .start();
    let shipped = Stack::build().workers(1).start();
    assert_eq!(names(&istio), names(&shipped));
}
