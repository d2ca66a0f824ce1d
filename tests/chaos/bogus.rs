//! Requests that have no business here.

use crate::basics::Chance;
use crate::ledger::What;
use crate::stack::client::Request;
use crate::stack::cookie;
use crate::stack::django::WHOAMI;
use crate::world::{Live, Side, World};

/// Asks with something that is no session, or with more than a session.
pub fn ask(world: &World, live: &Live, chance: &mut Chance, envoy: usize) {
    let good = world.cookie(&cookie::random_id());
    let (what, request, code) = match chance.below(5) {
        0 => ("no cookie", Request::get(WHOAMI), "no_session"),
        1 => {
            let cookie = format!("{}={}", cookie::V5, cookie::random_id());
            let request = Request::get(WHOAMI).cookie(cookie);
            ("a cookie of letters", request, "no_session")
        }
        2 => {
            let request = Request::get(WHOAMI).cookie(&good[..good.len() - 6]);
            ("a cookie that was cut", request, "no_session")
        }
        3 => {
            let request = Request::get(WHOAMI).cookie(&good);
            ("an id that nobody has", request, "session_ended")
        }
        _ => {
            let request = Request::get(WHOAMI).cookie(live.cookie()).cookie(&good);
            ("two sessions at once", request, "session_ambiguous")
        }
    };
    let request = request.header("authorization", "Bearer of.a.token");
    let Some((_, answer)) = world.send(envoy, Side::Browsers, What::Bogus, None, &request) else {
        return;
    };
    let code_found = answer.code();
    if answer.status < 500 && (answer.status, code_found.as_str()) != (401, code) {
        let status = answer.status;
        let text = format!("{what} was answered {status} {code_found} in place of 401 {code}");
        world.ledger.violation(None, text);
    }
}
