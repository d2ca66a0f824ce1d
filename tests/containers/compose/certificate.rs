//! `scripts/certificate` looks after what it made, and after nothing else.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::docker::program;
use crate::stack::home;
use crate::stack::places::PLACES;

/// Writes a pair; `subject`, days that are left, a password for the key.
const MAKE: &str = r#"
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization as s
from cryptography.hazmat.primitives.asymmetric import ec

folder, subject, days, password = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
now = datetime.now(timezone.utc)
builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=days))
encryption = s.BestAvailableEncryption(password.encode()) if password else s.NoEncryption()
(folder / "cert.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(s.Encoding.PEM))
(folder / "key.pem").write_bytes(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, encryption))
"#;

/// A folder with such a pair.
fn pair(subject: &str, days: &str, password: &str) -> TempDir {
    let folder = home::new("tls-");
    let at = folder.path().display().to_string();
    program(&PLACES.python, &["-c", MAKE, &at, subject, days, password]);
    folder
}

/// What the script says about a folder; it never fails.
fn run(folder: &Path) -> String {
    let script = PLACES.root.join("scripts/certificate");
    let output = Command::new(&PLACES.python)
        .arg(script)
        .arg(folder)
        .output();
    let output = output.expect("the script");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

fn files(folder: &Path) -> [Option<Vec<u8>>; 2] {
    ["cert.pem", "key.pem"].map(|name| fs::read(folder.join(name)).ok())
}

#[test]
fn a_certificate_is_made_once() {
    let folder = home::new("tls-");
    assert!(run(folder.path()).contains("made"));
    let made = files(folder.path());
    assert!(made.iter().all(Option::is_some));
    assert_eq!(run(folder.path()), "");
    assert!(files(folder.path()) == made);
}

#[test]
fn its_own_is_made_again_before_it_ends_or_when_half_of_it_is_gone() {
    let folder = pair("localhost", "6", "");
    let old = files(folder.path());
    assert!(run(folder.path()).contains("made"));
    assert!(files(folder.path()) != old);
    fs::remove_file(folder.path().join("key.pem")).expect("the key");
    assert!(run(folder.path()).contains("made"));
    assert_eq!(run(folder.path()), "");
}

#[test]
fn somebody_elses_stays_as_it_is() {
    let cases = [
        (pair("relay.example.com", "60", ""), ""),
        (pair("relay.example.com", "6", ""), "ends on"),
        (pair("relay.example.com", "60", "secret"), "encrypted"),
        (pair("localhost", "60", "secret"), "encrypted"),
    ];
    for (folder, words) in cases {
        let old = files(folder.path());
        let said = run(folder.path());
        assert_eq!(said.is_empty(), words.is_empty(), "{said}");
        assert!(said.contains(words), "{said}");
        assert!(files(folder.path()) == old, "{words}");
    }
    for (file, words) in [
        ("key.pem", "no private key"),
        ("cert.pem", "no certificate"),
    ] {
        let folder = pair("relay.example.com", "60", "");
        fs::write(folder.path().join(file), "something").expect("a file");
        let old = files(folder.path());
        assert!(run(folder.path()).contains(words));
        assert!(files(folder.path()) == old);
    }
    // A key that came first.
    let folder = pair("relay.example.com", "60", "");
    fs::remove_file(folder.path().join("cert.pem")).expect("the certificate");
    let old = files(folder.path());
    assert!(run(folder.path()).contains("cert.pem cannot be read"));
    assert!(files(folder.path()) == old);
}
