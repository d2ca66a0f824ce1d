//! Thousands of sessions, without as many logins: the tokens are minted.

use serde_json::json;

use crate::stack::{Stack, cookie, jwt};

/// A session as the load needs it.
pub struct Session {
    /// The browser's `Cookie` line.
    pub cookie: String,
    pub user: String,
}

/// So many users share them.
const USERS: usize = 20;

const DAY: i64 = 86400;

/// Sessions whose access tokens are of every age.
pub fn make(stack: &Stack, count: usize) -> Vec<Session> {
    let users: Vec<_> = (0..USERS).map(|_| stack.django.new_user()).collect();
    let life = i64::from(crate::ACCESS);
    (0..count)
        .map(|number| {
            let user = &users[number % USERS];
            let age =
                life * i64::try_from(number).expect("few") / i64::try_from(count).expect("few");
            let access = stack.django.mint("access", user, -age, life - age);
            let refresh = stack.django.mint("refresh", user, -age, DAY);
            let id = cookie::random_id();
            let record = json!({
                "access_exp": jwt::exp(&access), "refresh_exp": jwt::exp(&refresh),
                "access": access, "refresh": refresh,
            });
            let (key, record) = (format!("session:{id}"), record.to_string());
            stack
                .redis
                .command(&["SET", &key, &record, "EX", &DAY.to_string()]);
            let claims = json!({
                "sub": user.id.to_string(), "sid": id, "exp": jwt::now() + DAY,
                "iat": jwt::now(), "jti": cookie::random_id(),
            });
            let value = cookie::v5(&stack.auth_secret, cookie::V5, &claims);
            Session {
                cookie: format!("{}={value}", cookie::V5),
                user: user.name.clone(),
            }
        })
        .collect()
}
