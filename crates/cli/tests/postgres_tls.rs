//! PostgreSQL by TLS: the certificate must lead to an authority that is trusted, and bear the server's name.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use angaros_testkit::launch::Launch;
use angaros_testkit::postgres::Server;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use serde_json::Value;

/// A certificate that is its own authority, for a name.
fn certificate(name: &str) -> CertifiedKey<KeyPair> {
    generate_simple_self_signed([name.to_owned()]).unwrap()
}

/// What `angaros migrate status` says of a server whose certificate is for a name, if it is asked for by a name.
async fn asked(shown: &str, asked_for: &str, trusts_it: bool) -> (Option<i32>, String) {
    let made = certificate(shown);
    let (_server, port) = Server::start_over_tls(made.cert.pem(), made.signing_key.serialize_pem()).await;
    let trusted = if trusts_it { made.cert.pem() } else { certificate(shown).cert.pem() };
    let url = format!("postgresql://postgres@{asked_for}:{port}/postgres?sslmode=require");
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros")).variable("DATABASE_URL", url);
    let authorities: PathBuf = launch.folder().join("authorities.pem");
    std::fs::write(&authorities, trusted).unwrap();
    let launch = launch.variable("SSL_CERT_FILE", authorities.display().to_string());
    let output = launch.run(&["migrate", "status", "--json"]).await;
    let text =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    (output.status.code(), text)
}

#[tokio::test]
async fn a_server_that_is_who_it_says_is_talked_to() {
    let (code, text) = asked("localhost", "localhost", true).await;
    assert_eq!(code, Some(0), "{text}");
    let status: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status["version"], 0);
}

#[tokio::test]
async fn one_with_another_name_is_refused() {
    for (shown, asked_for) in [("db.example.org", "localhost"), ("localhost", "127.0.0.1")] {
        let (code, text) = asked(shown, asked_for, true).await;
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("certificate not valid for name"), "{text}");
    }
}

#[tokio::test]
async fn one_that_nobody_vouches_for_is_refused() {
    let (code, text) = asked("localhost", "localhost", false).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("invalid peer certificate"), "{text}");
}
