//! `inspect-cookie` at a terminal, which hands over what is typed line by line,
//! and of a long line only its beginning.

use std::fs::File;
use std::io::Write as _;

use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

use crate::common::{Run, command, ended};

/// Ctrl-D at the beginning of a line: the end of the input.
const END: char = '\u{4}';

/// Inspects what is typed at a terminal.
fn typed(text: &str) -> Run {
    let pty = openpty(None, None).expect("a terminal");
    let mut settings = tcgetattr(&pty.slave).expect("its settings");
    settings.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(&pty.slave, SetArg::TCSANOW, &settings).expect("no echo");
    let child = command(&["inspect-cookie", "--opaque", "--cookie-name", "id"], &[])
        .stdin(pty.slave)
        .spawn()
        .expect("the command starts");
    let mut keyboard = File::from(pty.master);
    keyboard.write_all(text.as_bytes()).expect("typed");
    ended(child)
}

/// A header of this many bytes with a session at its end.
fn header(length: usize) -> String {
    let session = "; id=0123456789abcdef";
    format!("theme={}{session}", "x".repeat(length - session.len() - 6))
}

#[test]
fn what_fits_into_a_line_of_the_terminal_is_inspected() {
    let run = typed(&format!("{}\n{END}", header(4094))).exits(0);
    run.says("decision    session ");
    assert!(
        run.err.starts_with("Paste the Cookie header"),
        "{}",
        run.err
    );
}

#[test]
fn a_line_that_the_terminal_cuts_is_no_damaged_cookie() {
    for text in [
        format!("{}\n{END}", header(4095)),
        format!("{}\n{END}", header(9000)),
        // Without Enter: the first Ctrl-D hands the line over.
        format!("{}{END}{END}", header(9000)),
        format!("theme=dark\n{}\nlang=en\n{END}", header(5000)),
    ] {
        let run = typed(&text).exits(2);
        assert_eq!(run.out, "");
        for hint in ["a terminal hands over 4095 bytes of a line", "< cookie.txt"] {
            assert!(run.err.contains(hint), "{}", run.err);
        }
        assert!(!run.err.contains("0123456789"), "{}", run.err);
    }
}

#[test]
fn a_long_header_on_several_lines_of_the_terminal_is_inspected() {
    let long = header(9000);
    let (a, rest) = long.split_at(4000);
    let (b, c) = rest.split_at(4000);
    typed(&format!("Cookie: {a}\n{b}\n{c}\n{END}"))
        .exits(0)
        .says("decision    session ");
}
