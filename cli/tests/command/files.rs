//! Files, options and exit codes.

use crate::common::{check, run_with};

const GOOD: &str = "
session: {format: opaque}
store: {cluster: webdis}
issuer: {cluster: django, authority: localhost}
routes: [{prefix: /, session: required}]
";

#[test]
fn a_configuration_alone_is_checked_with_any_variables() {
    check(GOOD).exits(0).says("configuration, line 2: ok");
    let secrets = GOOD.replace("{format: opaque}", "{secrets: [{env: WHATEVER}]}");
    check(&secrets).exits(0);
    check(&GOOD.replace("/,", "api,"))
        .exits(1)
        .says("line 5  routes[0].prefix: found \"api\"");
    check(r#"{"session":{"format":"opaque"},"store":{"cluster":"a"},"store":{"cluster":"b"}}"#)
        .exits(1)
        .says("store: found this field twice");
}

#[test]
fn several_files_and_documents_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (a, b) = (path("a.yaml"), path("b.yaml"));
    std::fs::write(&a, format!("{GOOD}---\n# nothing\n---\n{GOOD}")).unwrap();
    std::fs::write(&b, "x: 1").unwrap();
    let run = run_with(&["check", &a, &b], "", &[]).exits(0);
    run.says("configuration, line 2: ok")
        .says("configuration, line 10: ok");
    run.says("no Token Relay in it")
        .says("2 configurations in 2 files: ok");
    run_with(&["check", &b], "", &[])
        .exits(1)
        .says("no Token Relay found");
}

#[test]
fn what_is_no_yaml_is_a_mistake_with_its_line() {
    check("a: 1\nb: [\n")
        .exits(1)
        .says("mistake")
        .says("line 3")
        .says("no YAML");
    check("").exits(1).says("no Token Relay in it");
}

#[test]
fn a_file_that_cannot_be_read_does_not_keep_the_others_from_being_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (good, wrong) = (path("good.yaml"), path("wrong.yaml"));
    let (latin, directory) = (path("latin.yaml"), path("directory"));
    std::fs::write(&good, GOOD).unwrap();
    std::fs::write(&wrong, GOOD.replace("/,", "api,")).unwrap();
    std::fs::write(&latin, b"title: caf\xe9\n").unwrap();
    std::fs::create_dir(&directory).unwrap();

    let files = ["check", &good, &directory, "/no/such/file", &latin, &wrong];
    let run = run_with(&files, "", &[]).exits(2);
    run.says(&format!("{good}\n  configuration, line 2: ok"))
        .says(&format!("{directory}\n  unreadable  Is a directory"))
        .says("/no/such/file\n  unreadable  No such file")
        .says(&format!("{latin}\n  unreadable  no text in UTF-8"))
        .says("line 5  routes[0].prefix: found \"api\"")
        .says("2 configurations in 5 files: 1 mistake, 3 files unreadable");
    assert!(
        run.err
            .starts_with("token-relay: 3 of the files cannot be read"),
        "{}",
        run.err
    );

    let run = run_with(&["check", &directory], "", &[]).exits(2);
    run.says("0 configurations in 1 file: 1 file unreadable");
    let run = run_with(&["check", &good, &directory], "", &[]).exits(2);
    run.says("1 configuration in 2 files: 1 file unreadable");
}

#[test]
fn a_question_that_is_not_understood_exits_2() {
    for arguments in [
        &[][..],
        &["chek"],
        &["check"],
        &["check", "--no-such-option", "-"],
        &["check", "--nextauth-max-age", "long", "-"],
        &["schema", "x"],
        &["inspect-cookie", "--config", "/no/such/file"],
    ] {
        let run = run_with(arguments, "", &[("AUTH_SECRET", "x")]).exits(2);
        assert!(run.err.starts_with("token-relay: "), "{}", run.err);
        assert_eq!(run.out, "");
    }
    let secret = run_with(&["inspect-cookie", "kJ8sQ0aZ"], "", &[]).exits(2);
    assert!(!secret.err.contains("kJ8sQ0aZ"));
    for arguments in [&["--help"][..], &["check", "--help"], &["--version"]] {
        run_with(arguments, "", &[]).exits(0).says("token-relay");
    }
}

#[test]
fn there_is_no_colour_but_on_a_terminal() {
    let broken = GOOD.replace("/,", "api,");
    assert!(!check(&broken).out.contains('\u{1b}'));
}

#[test]
fn text_of_a_file_cannot_steer_the_terminal() {
    let file = "config:\n  name: \"token_relay\\e[2J\"\n  failure_policy: \"\\e]0;x\\a\"\n  vm_config: {}\n";
    let run = check(file).exits(1);
    assert!(!run.out.contains(['\u{1b}', '\u{7}']), "{:?}", run.out);
}
