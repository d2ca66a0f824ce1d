//! Secrets: `{env: NAME}` or `{value: "…"}`. Nothing here quotes a value, nor
//! a name under which a value may have been written by mistake.

use super::mistake::quoted;
use super::reader::Field;
use super::value::Value;
use crate::redacted::Redacted;

/// What a secret looks like.
pub(super) const ALLOWED: &str = "{env: NAME}, or {value: \"…\"}";

impl Field<'_> {
    /// A secret: not empty, and out of the environment if the operator can.
    pub(super) fn secret(&self) -> Option<Redacted<String>> {
        self.private_object(ALLOWED, |s| {
            let env = s.optional("env", |field| from_env(&field));
            let value = s.optional("value", |field| in_place(&field));
            match (env?, value?) {
                (Some(secret), None) | (None, Some(secret)) => Some(secret),
                (None, None) => s.refuse_whole("neither env nor value", ALLOWED),
                (Some(_), Some(_)) => s.refuse_whole("both env and value", ALLOWED),
            }
        })
    }
}

fn from_env(field: &Field<'_>) -> Option<Redacted<String>> {
    let allowed = "the name of an environment variable that is set and not empty, and listed in vm_config.environment_variables.host_env_keys";
    let Value::Text(name) = field.value() else {
        return field.refuse(field.value().kind(), allowed);
    };
    let shown = if is_plainly_a_name(name) {
        quoted(name)
    } else {
        "a variable (not shown: its name may be the secret itself)".to_owned()
    };
    // A host's lookup may not survive these: they end or split an entry of the
    // environment.
    if name.is_empty() || name.contains(['=', '\0']) {
        return field.refuse(format!("{shown}, which is no name"), allowed);
    }
    match field.env(name) {
        None => field.refuse(format!("{shown} unset"), allowed),
        Some(value) if value.is_empty() => field.refuse(format!("{shown} empty"), allowed),
        Some(value) => {
            if value.trim() != value {
                field.warn("the variable's value starts or ends with white space, a line feed perhaps: it counts as part of the secret");
            }
            Some(Redacted::new(value))
        }
    }
}

fn in_place(field: &Field<'_>) -> Option<Redacted<String>> {
    let allowed = "a string that is not empty; better {env: NAME}";
    match field.value() {
        Value::Text(value) if value.is_empty() => field.refuse("an empty string", allowed),
        Value::Text(value) => {
            field.warn("Envoy shows this secret in /config_dump; give {env: NAME} and list the name in vm_config.environment_variables.host_env_keys");
            Some(Redacted::new(value.clone()))
        }
        other => field.refuse(other.kind(), allowed),
    }
}

/// Conventional names only (`AUTH_SECRET`): what does not look like one may be
/// a secret that was put in the wrong place.
fn is_plainly_a_name(name: &str) -> bool {
    let rest = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    name.len() <= 64
        && name.bytes().all(rest)
        && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}
