//! The table of section 4.

use crate::stack::Stack;

#[test]
fn a_session_reaches_django_with_its_token() {
    let stack = Stack::new();
    let session = stack.login();
    stack.whoami_ok(&session);
}
