//! What was pasted: a `Cookie` header, `name=value`, or a value alone.

use std::io::IsTerminal as _;

/// The folded `Cookie` header that it makes.
pub(super) struct Input {
    pub(super) header: String,
    /// It was a value alone, and stands under every name.
    pub(super) bare: bool,
}

/// How much of a line a terminal hands over (`N_TTY_BUF_SIZE` of Linux, with
/// the line's end); the rest is dropped, and nobody is told.
const LINE: usize = 4095;

/// Reads standard input.
pub(super) fn read() -> Result<String, String> {
    let terminal = std::io::stdin().is_terminal();
    if terminal {
        eprintln!("Paste the Cookie header or the cookie, then Enter and Ctrl-D:");
    }
    let text = crate::files::read("-").map_err(|why| format!("standard input: {why}"))?;
    if terminal && text.split('\n').any(|line| line.len() >= LINE) {
        return Err(format!(
            "a terminal hands over {LINE} bytes of a line and drops the rest: save the header in a file with an editor, and give it as < cookie.txt (or through a pipe)"
        ));
    }
    Ok(text)
}

/// Understands it; `names` are those under which a value alone is tried.
pub(super) fn cookie(text: &str, names: &[String]) -> Result<Input, String> {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    if lines.is_empty() {
        return Err(
            "standard input is empty; give the Cookie header, name=value, or the value".to_owned(),
        );
    }
    if !lines.iter().any(|line| line.contains('=')) {
        // A long value may have been wrapped.
        let value = lines.concat();
        let value = value.trim_matches(['"', '\'']);
        let header: Vec<String> = names.iter().map(|name| format!("{name}={value}")).collect();
        return Ok(Input {
            header: header.join("; "),
            bare: true,
        });
    }
    Ok(Input {
        header: unfolded(&lines),
        bare: false,
    })
}

/// The lines of a header as one. A line that begins no pair goes on with the
/// value before it, since a copy over several lines may be cut anywhere.
fn unfolded(lines: &[&str]) -> String {
    let mut headers: Vec<String> = Vec::new();
    for line in lines {
        match headers.last_mut() {
            Some(last) if field(line).is_none() && (!begins_pair(line) || is_cut_name(last)) => {
                last.push_str(line);
            }
            _ => headers.push((*line).to_owned()),
        }
    }
    let cookies = headers.iter().filter_map(|header| cookies(header));
    let cookies = cookies.filter(|cookies| !cookies.is_empty());
    cookies.collect::<Vec<&str>>().join("; ")
}

/// What a header says about cookies; nothing if it is another one.
fn cookies(header: &str) -> Option<&str> {
    match field(header) {
        Some((name, rest)) => is_cookie(name).then_some(rest),
        None => Some(header),
    }
}

/// The name and the text of a header; some browsers copy the name on a line of
/// its own. In a cookie no space follows a colon.
fn field(line: &str) -> Option<(&str, &str)> {
    if is_cookie(line) {
        return Some((line, ""));
    }
    let (name, rest) = line.split_once(':')?;
    let is_field = is_cookie(name) || (is_token(name) && rest.starts_with(' '));
    is_field.then_some((name, rest.trim()))
}

fn is_cookie(name: &str) -> bool {
    name.eq_ignore_ascii_case("cookie") || name.eq_ignore_ascii_case("set-cookie")
}

/// Whether a line begins with `name=`.
fn begins_pair(line: &str) -> bool {
    line.split_once('=').is_some_and(|(name, _)| is_token(name))
}

/// Whether a text ends in the middle of a cookie's name.
fn is_cut_name(text: &str) -> bool {
    let last = cookies(text).and_then(|cookies| cookies.rsplit(';').next());
    last.is_some_and(|last| is_token(last.trim()))
}

/// A token of HTTP, which the name of a cookie or a header is.
fn is_token(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> String {
        cookie(text, &["a".to_owned(), "b".to_owned()])
            .unwrap()
            .header
    }

    #[test]
    fn a_header_a_pair_and_a_value_are_understood() {
        assert_eq!(header("Cookie: x=1; y=2\n"), "x=1; y=2");
        assert_eq!(header("cookie:x=1\nCookie: y=2\r\n"), "x=1; y=2");
        assert_eq!(header("x=1"), "x=1");
        assert_eq!(header("  v.v\n"), "a=v.v; b=v.v");
        assert_eq!(header("\"v.\nv\""), "a=v.v; b=v.v");
        assert!(cookie(" \n", &[]).is_err());
    }

    #[test]
    fn a_header_that_is_cut_anywhere_is_put_together() {
        let whole = "x=1; session.0=eyJhbGci.abc-_; session.1=def; y=a:b";
        for at in 1..whole.len() {
            let (before, after) = whole.split_at(at);
            let joined = header(&format!("Cookie: {before}\n  {after}\n"));
            let pairs: Vec<&str> = joined
                .split(';')
                .map(str::trim)
                .filter(|pair| !pair.is_empty())
                .collect();
            assert_eq!(pairs.join("; "), whole, "cut at {at}");
        }
    }

    #[test]
    fn other_headers_are_no_part_of_a_cookie() {
        assert_eq!(header("cookie\nx=1; y=2\nz=3"), "x=1; y=2; z=3");
        assert_eq!(header("Host: a.example\nx=1"), "x=1");
        let text = "Host: a.example\nCookie: x=1; y=2\nUser-Agent: curl/8 (a=b;\n c)\ncookie:\n z=3\nAccept: */*\n";
        assert_eq!(header(text), "x=1; y=2; z=3");
        assert_eq!(header("x=1\ny=2\nz=3"), "x=1; y=2; z=3");
    }
}
