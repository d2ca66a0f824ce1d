//! The memo changes no outcome, and stays small.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

#[test]
fn the_memo_is_bounded_and_keeps_only_authentic_cookies_of_sessions() {
    let mut reader = nextauth_with(3);
    let remembered = |reader: &SessionReader| match &reader.format {
        Format::NextAuth(nextauth) => nextauth.memo.len(),
        Format::Opaque => 0,
    };
    at(
        &mut reader,
        format!("{V5}=x; {V5}={}", sealing::v5(SECRET, V5, "{}")),
        NOW,
    );
    assert_eq!(remembered(&reader), 0);
    for user in 0..9 {
        let id = format!("user-0123456789{user}");
        assert_eq!(
            at(&mut reader, format!("{V5}={}", v5(&id)), NOW),
            found(&id)
        );
    }
    assert_eq!(remembered(&reader), 3);

    let mut reader = nextauth_with(3);
    let giant = format!(r#"{{"p":"{}","sid":"{ALICE}"}}"#, "p".repeat(7000));
    assert_eq!(
        at(
            &mut reader,
            chunks(V5, &sealing::v5(SECRET, V5, &giant), 3936),
            NOW
        ),
        found(ALICE)
    );
    assert_eq!(remembered(&reader), 0);
}

/// A few cookies of each kind, valid at different times.
static POOL: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut pool = vec![String::new(), "x=y".to_owned(), format!("{V5}=planted")];
    for (index, id) in [ALICE, BOB].into_iter().enumerate() {
        let start = 1000 * index as u64;
        let claims = format!(r#"{{"sid":"{id}","nbf":{start},"exp":{}}}"#, start + 1000);
        for name in [V4, V5] {
            let (four, five) = (
                sealing::v4(OLDER, &claims),
                sealing::v5(SECRET, V5, &claims),
            );
            pool.extend([
                format!("{name}={four}"),
                format!("{name}={five}"),
                chunks(name, &five, 150),
            ]);
        }
    }
    pool
});

proptest! {
    #[test]
    fn the_memo_changes_no_outcome(
        requests in proptest::collection::vec((proptest::collection::vec(0..15usize, 0..4), 0..2500u64), 1..20),
        capacity in 1..4usize,
    ) {
        let (mut with, mut without) = (nextauth_with(capacity), nextauth_with(0));
        for (cookies, now) in requests {
            let cookies: Vec<_> = cookies.into_iter().map(|index| POOL[index].as_str()).collect();
            let header = cookies.join("; ");
            prop_assert_eq!(at(&mut with, &header, now), at(&mut without, &header, now));
        }
    }
}
