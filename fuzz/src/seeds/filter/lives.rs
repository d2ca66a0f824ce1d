//! The lives themselves.

use super::*;

pub(super) fn all() -> Vec<(&'static str, Life)> {
    let mut lives = vec![
        (
            "cached",
            Life::new(0)
                .get(FRESH)
                .good(1)
                .get(FRESH)
                .with(&[5, 0])
                .leave(),
        ),
        ("gone", Life::new(0).get(UNKNOWN).good(1)),
        ("refresh", Life::new(0).get(EXPIRED).get(EXPIRED).good(4)),
        (
            "ahead",
            Life::new(0).get(AGEING).good(5).pass(2000).get(AGEING),
        ),
        ("left", Life::new(0).get(EXPIRED).good(2).leave().good(2)),
        (
            "held",
            Life::new(0)
                .get(EXPIRED)
                .good(1)
                .says("held", [SOON, NOTHING])
                .pass(50)
                .good(3),
        ),
        (
            "changed",
            Life::new(0)
                .get(EXPIRED)
                .good(1)
                .says("changed", [FRESH_RECORD, NOTHING]),
        ),
        (
            "lost",
            Life::new(0)
                .get(EXPIRED)
                .good(2)
                .answer(RESET, &[])
                .pass(2000)
                .get(EXPIRED)
                .good(1)
                .says("claimed", [LOST, NOTHING])
                .good(2),
        ),
        (
            "refused",
            Life::new(0)
                .get(EXPIRED)
                .good(2)
                .issuer(REFUSED)
                .good(1)
                .pass(2000)
                .good(1)
                .pass(500)
                .good(2),
        ),
        (
            "throttled",
            Life::new(0)
                .get(AGEING)
                .good(2)
                .issuer(THROTTLED)
                .pass(5000)
                .get(AGEING)
                .good(4),
        ),
        (
            "misconfigured",
            Life::new(2)
                .get(EXPIRED)
                .good(2)
                .issuer(WRONG_CLIENT)
                .pass(1000),
        ),
        (
            "issuer-down",
            Life::new(0)
                .get(EXPIRED)
                .good(2)
                .status(503)
                .get(EXPIRED)
                .pass(10_000),
        ),
        (
            "written-late",
            Life::new(0)
                .get(EXPIRED)
                .good(3)
                .status(500)
                .pass(200)
                .status(503)
                .pass(500)
                .good(1),
        ),
        (
            "written-over",
            Life::new(0)
                .get(EXPIRED)
                .good(3)
                .says("changed", [EXPIRED_RECORD, NOTHING])
                .good(2),
        ),
        (
            "logged-out-meanwhile",
            Life::new(0)
                .get(EXPIRED)
                .good(3)
                .says("gone", [NOTHING; 2])
                .good(1),
        ),
        (
            "no-script",
            Life::new(0).get(FRESH).answer(NO_SCRIPT, &[]).good(1),
        ),
        (
            "store-errs",
            Life::new(0)
                .get(FRESH)
                .answer(ERROR, &[])
                .pass(200)
                .answer(ERROR, &[]),
        ),
        (
            "foreign",
            Life::new(0)
                .get(FRESH)
                .answer(FOREIGN, &[0, FRESH_RECORD, 0])
                .pass(200)
                .good(1),
        ),
        (
            "crossed",
            Life::new(0)
                .get(FRESH)
                .get(EXPIRED)
                .answer(CROSSED, &[])
                .answer(CROSSED, &[])
                .pass(200)
                .good(3),
        ),
        (
            "bad-record",
            Life::new(0).get(FRESH).says("found", [BAD_RECORD, NOTHING]),
        ),
        ("waits-too-long", Life::new(0).get(FRESH).pass(5000)),
        (
            "stale",
            Life::new(2)
                .get(FRESH)
                .good(1)
                .pass(25)
                .get(FRESH)
                .answer(RESET, &[])
                .pass(200)
                .answer(RESET, &[]),
        ),
        (
            "two-sessions",
            Life::new(0).request(&[3, FRESH, EXPIRED], "/api/things", "GET", &[], true),
        ),
        (
            "in-lines",
            Life::new(0)
                .request(&[2, FRESH], "/api/things", "GET", &[], true)
                .good(1),
        ),
        (
            "optional",
            Life::new(0)
                .request(&[0], "/maybe/things?x=1", "GET", &["authorization"], true)
                .request(
                    &[1, FRESH],
                    "/maybe/things?x=1",
                    "POST",
                    &["sec-fetch-site"],
                    false,
                )
                .good(1),
        ),
        (
            "preflight",
            Life::new(0).request(
                &[0],
                "/api/things",
                "OPTIONS",
                &["authorization", "access-control-request-method"],
                true,
            ),
        ),
        (
            "paths",
            Life::new(0)
                .request(&[0], "/static/app.js", "GET", &["authorization"], true)
                .request(&[1, FRESH], "/api/%2e%2e/static/x", "GET", &[], true)
                .request(&[1, FRESH], "/%61pi/things", "GET", &[], true)
                .request(&[0], "/api/token/", "POST", &[], true)
                .request(&[0], "*", "OPTIONS", &[], true)
                .request(&[0], "", "CONNECT", &[], true),
        ),
        (
            "to-the-login-page",
            Life::new(1).request(&[0], "/api/things", "GET", &["sec-fetch-mode"], true),
        ),
        (
            "cross-site",
            Life::new(1)
                .request(
                    &[1, FRESH],
                    "/api/things",
                    "POST",
                    &["sec-fetch-site"],
                    false,
                )
                .request(&[1, FRESH], "/api/things", "POST", &["origin"], false)
                .good(1),
        ),
        (
            "login",
            Life::new(0)
                .post("/auth/login")
                .body(0)
                .good(2)
                .request(&[4], "/api/things", "GET", &[], true)
                .good(1),
        ),
        (
            "login-refused",
            Life::new(0).post("/auth/login").body(0).issuer(REFUSED),
        ),
        (
            "login-for-a-browser",
            Life::new(1)
                .request(&[1, FRESH], "/auth/login", "POST", &["content-type"], false)
                .body(0)
                .good(4)
                .request(&[4], "/auth/session", "GET", &[], true)
                .good(1),
        ),
        (
            "login-left",
            Life::new(0).post("/auth/login").body(0).leave().good(3),
        ),
        ("login-too-long", Life::new(0).post("/auth/login").body(3)),
        (
            "login-without-a-body",
            Life::new(0).post("/auth/login").pass(10_000),
        ),
        (
            "adopt",
            Life::new(0)
                .post("/auth/adopt")
                .body(1)
                .good(1)
                .request(&[4], "/auth/logout", "POST", &[], true)
                .good(2),
        ),
        (
            "logout",
            Life::new(1)
                .request(&[1, EXPIRED], "/auth/logout", "POST", &[], true)
                .good(4),
        ),
        (
            "logout-by-id",
            Life::new(0)
                .post("/auth/logout")
                .with(&[2, 0, 2, FRESH, 1])
                .good(3),
        ),
        (
            "upload",
            Life::new(0)
                .request(&[1, FRESH], "/api/things", "POST", &[], false)
                .with(&[2, 0, 3, 0])
                .good(1)
                .with(&[2, 0, 0, 0])
                .with(&[3, 0]),
        ),
        (
            "another-configuration",
            Life::new(0)
                .get(EXPIRED)
                .good(1)
                .with(&[14, 1])
                .good(3)
                .get(FRESH),
        ),
        (
            "no-cluster",
            Life::new(0)
                .with(&[13, 1, 0])
                .get(FRESH)
                .with(&[13, 1, 1])
                .get(FRESH),
        ),
        (
            "clock",
            Life::new(0)
                .get(FRESH)
                .good(1)
                .with(&[11, 2])
                .get(FRESH)
                .good(4)
                .with(&[11, 3]),
        ),
        ("oauth2", Life::new(2).get(EXPIRED).good(4)),
        ("allauth", Life::new(3).get(EXPIRED).good(4)),
        (
            "nextauth",
            Life::new(4).get(EXPIRED).good(4).get(FRESH).good(1),
        ),
        (
            "record-by-hand",
            Life::new(0)
                .get(FRESH)
                .says("found", [ITS_RECORD, NO_ATTEMPT])
                .good(1),
        ),
    ];
    lives.extend([
        (
            "cut-off",
            Life::new(0)
                .get(EXPIRED)
                .good(1)
                .says("claimed", [CUT, NOTHING])
                .pass(2000)
                .says("claimed", [CUT, NOTHING])
                .good(2),
        ),
        (
            "ended-by-a-lost-answer",
            Life::new(0)
                .get(EXPIRED)
                .good(1)
                .says("claimed", [LOST, NOTHING])
                .issuer(REFUSED)
                .good(1)
                .pass(2000)
                .good(2),
        ),
        // The store has to be asked, and the host refuses at once, twice.
        (
            "decided-in-its-own-callback",
            Life::new(2)
                .get(FRESH)
                .good(1)
                .with(NO_STORE)
                .request(&[1, FRESH], "/api/things", "POST", &[], false)
                .body(0),
        ),
        // So it does for one that another waits with, for nothing but time.
        (
            "another-decided",
            Life::new(2)
                .get(EXPIRED)
                .good(4)
                .leave()
                .get(EXPIRED)
                .says("found", [EXPIRED_RECORD, NOTHING])
                .with(NO_STORE)
                .get(EXPIRED),
        ),
        (
            "login-unavailable",
            Life::new(0).post("/auth/login").body(0).status(503),
        ),
        (
            "login-misconfigured",
            Life::new(0).post("/auth/login").body(0).issuer(PAGE),
        ),
        (
            "never-written",
            Life::new(0)
                .get(EXPIRED)
                .good(3)
                .with(&[11, 4])
                .status(500)
                .pass(200)
                .status(500),
        ),
    ]);
    let mut odd = Life::new(0).get(FRESH);
    for oddity in 0..10 {
        odd = odd.get(FRESH).with(&[15, 0, oddity]).good(1);
    }
    lives.push(("odd", odd));
    let mut refused = Life::new(0);
    for call in REFUSABLE {
        refused = refused
            .refuse(call)
            .get(FRESH)
            .good(1)
            .post("/auth/login")
            .body(0)
            .pass(25);
    }
    lives.push(("host-fails", refused));
    lives
}
