//! What was pasted: a `Cookie` header, `name=value`, or a value alone.

/// The folded `Cookie` header that it makes.
pub(super) struct Input {
    pub(super) header: String,
    /// It was a value alone, and stands under every name.
    pub(super) bare: bool,
}

/// Reads it; `names` are those under which a value alone is tried.
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
    let lines: Vec<&str> = lines.into_iter().map(without_name).collect();
    Ok(Input {
        header: lines.join("; "),
        bare: false,
    })
}

/// The line without `Cookie:` before it.
fn without_name(line: &str) -> &str {
    match line.split_once(':') {
        Some((name, rest))
            if name.eq_ignore_ascii_case("cookie") || name.eq_ignore_ascii_case("set-cookie") =>
        {
            rest.trim()
        }
        _ => line,
    }
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
}
