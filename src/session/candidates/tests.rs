use super::*;

/// A text with the outline of a token, `n` bytes in its ciphertext.
fn token(label: &str, n: usize) -> String {
    format!(
        "{label}..iv.{}.{}",
        "c".repeat(n),
        label.get(..1).unwrap().repeat(43)
    )
}

fn with_room(header: &str, room: usize) -> Vec<String> {
    let found = Candidates::under("s", header.as_bytes(), true, room);
    let values: Vec<_> = found
        .iter()
        .map(|value| String::from_utf8(value.to_vec()).unwrap())
        .collect();
    assert_eq!(values.len(), found.len());
    values
}

fn candidates(header: &str) -> Vec<String> {
    with_room(header, MAX_CANDIDATES)
}

/// `name.0=…; name.1=…` with `cuts` as the chunks' first bytes.
fn chunked(token: &str, cuts: &[usize]) -> String {
    let ends = cuts.iter().skip(1).copied().chain([token.len()]);
    cuts.iter()
        .zip(ends)
        .enumerate()
        .map(|(index, (start, end))| format!("s.{index}={}", token.get(*start..end).unwrap()))
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn every_value_under_the_plain_name_comes_first_and_in_order() {
    let token = token("h", 9);
    let header = format!("{}; s=two; a=b; s=one", chunked(&token, &[0, 5]));
    assert_eq!(candidates(&header), ["two", "one", &token]);
}

#[test]
fn identical_and_empty_values_count_once_and_not_at_all() {
    assert_eq!(candidates("s=; s=x; s=x; s= x ; s"), ["x"]);
    let token = token("h", 9);
    let chunks = chunked(&token, &[0, 5]);
    assert_eq!(
        candidates(&format!("s={token}; {chunks}; {chunks}; s.0=; s.1=")),
        [token]
    );
}

#[test]
fn chunks_are_joined_by_number() {
    let token = token("h", 30);
    let cuts: Vec<usize> = (0..12).map(|at| at * 5).collect();
    let chunks = chunked(&token, &cuts);
    let reversed: Vec<_> = chunks
        .split("; ")
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    assert_eq!(candidates(&chunks), [token.as_str()]);
    assert_eq!(candidates(&reversed.join("; ")), [token]);
}

#[test]
fn sets_have_up_to_32_chunks() {
    let token = token("h", 60);
    let cuts: Vec<usize> = (0..33).map(|at| at * 3).collect();
    assert_eq!(candidates(&chunked(&token, &cuts[..32])), [token.as_str()]);
    assert!(candidates(&chunked(&token, &cuts)).is_empty());
}

#[test]
fn a_set_with_a_gap_or_without_its_beginning_or_end_is_none() {
    let token = token("h", 30);
    let chunks = chunked(&token, &[0, 10, 20, 60]);
    let parts: Vec<_> = chunks.split("; ").collect();
    for missing in 0..parts.len() {
        let mut parts = parts.clone();
        parts.remove(missing);
        assert!(candidates(&parts.join("; ")).is_empty(), "{missing}");
    }
    assert!(candidates(&chunks.replace("s.2=", "s.02=")).is_empty());
}

#[test]
fn one_chunk_alone_may_be_a_set() {
    let token = token("h", 9);
    assert_eq!(candidates(&format!("s.0={token}")), [token]);
}

#[test]
fn planted_chunks_behind_a_set_do_not_spoil_it() {
    let token = token("h", 30);
    let mut header = chunked(&token, &[0, 10]);
    for index in 2..32 {
        header += &format!("; s.{index}=planted");
    }
    assert_eq!(candidates(&header), [token.as_str()]);
    let planted = "; s.2=.; s.2=..; s.2=x.y";
    assert_eq!(
        candidates(&format!("{}{planted}", chunked(&token, &[0, 10]))),
        [token]
    );
}

#[test]
fn chunks_given_twice_are_alternatives() {
    let [ours, theirs] = [token("ours", 30), token("theirs", 31)];
    let ours_chunks = chunked(&ours, &[0, 20, 40]);
    let theirs_chunks = chunked(&theirs, &[0, 22, 43]);
    for header in [
        format!("{ours_chunks}; {theirs_chunks}"),
        format!("{theirs_chunks}; {ours_chunks}"),
    ] {
        let found = candidates(&header);
        assert_eq!(found.len(), MAX_CANDIDATES); // 2 × 2 × 2 combinations
        assert!(found.contains(&ours) && found.contains(&theirs));
    }
    let planted = format!("s.1=planted; s.0=planted; {ours_chunks}; s.1=more; s.2=more");
    assert_eq!(candidates(&planted).last(), Some(&ours));
}

#[test]
fn there_are_never_more_candidates_than_room() {
    let many: String = (0..50)
        .map(|i| format!("s=v{i}; s.0={i}..a; s.1=.b.{}{i:02};", "t".repeat(41)))
        .collect();
    for room in 0..=MAX_CANDIDATES {
        assert_eq!(with_room(&many, room).len(), room);
    }
    let chunks_only: String = (0..50)
        .map(|i| format!("s.0={i}..a; s.1=.b.{}{i:02};", "t".repeat(41)))
        .collect();
    for room in 0..=MAX_CANDIDATES {
        assert_eq!(with_room(&chunks_only, room).len(), room);
    }
}

/// 32 indices with many values each: the combinations are not walked through.
#[test]
fn many_alternatives_at_every_index_are_bounded_work() {
    let mut header = String::new();
    for index in 0..32 {
        for value in 0..60 {
            header += &format!("s.{index}=planted{value:020}; ");
        }
    }
    assert!(header.len() > 60_000);
    assert!(candidates(&header).is_empty());
}

#[test]
fn chunks_do_not_count_unless_asked_for() {
    let header = format!("{}; s=plain", chunked(&token("h", 9), &[0, 5]));
    let found = Candidates::under("s", header.as_bytes(), false, MAX_CANDIDATES);
    assert_eq!(found.iter().collect::<Vec<_>>(), [b"plain"]);
}
