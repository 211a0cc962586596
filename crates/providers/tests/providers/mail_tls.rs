//! Encrypted conversations with a mail server whose certificate comes from a private authority.

use std::io::Write;
use std::sync::Arc;

use angaros_domain::Channel;
use angaros_domain::attempt::Class;
use angaros_providers::install_crypto;
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::mail::smtp;
use crate::support::notification::notification;
use crate::support::send;
use angaros_testkit::mail_server::{MailServer, Setup};

/// A server's side of TLS for `localhost`, and the file a client needs to trust it.
fn authority() -> (TlsAcceptor, NamedTempFile) {
    install_crypto();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(made.cert.pem().as_bytes()).unwrap();
    (TlsAcceptor::from(Arc::new(config)), file)
}

async fn server(implicit: bool) -> (MailServer, NamedTempFile) {
    let (tls, ca_file) = authority();
    let plain = "AHVzZXIAcGFzcw==";
    (
        MailServer::start(Setup { tls: Some(tls), implicit, auth: Some(plain), ..Setup::default() }).await,
        ca_file,
    )
}

#[tokio::test]
async fn the_message_travels_encrypted() {
    for (scheme, query, implicit) in
        [("smtps", "", true), ("smtp", "?tls=required", false), ("smtp", "?tls=opportunistic", false)]
    {
        let (server, ca_file) = server(implicit).await;
        let url = format!("{scheme}://user:pass@localhost:{}{query}", server.port());
        let smtp = smtp(&url, |s| s.ca_file = Some(ca_file.path().to_owned()));
        let outcome = send(&smtp, &notification(Channel::Email, "to@example.net")).await;
        assert_eq!(outcome.class, Class::Accepted, "{scheme}{query}: {}", outcome.detail);
        assert!(server.delivered()[0].encrypted);
        let second = send(&smtp, &notification(Channel::Email, "to@example.net")).await;
        assert_eq!((second.class, server.connections()), (Class::Accepted, 1));
    }
}

#[tokio::test]
async fn an_unknown_authority_gets_nothing() {
    for (scheme, query, implicit) in [("smtps", "", true), ("smtp", "?tls=required", false)] {
        let (server, _) = server(implicit).await;
        let (_, other_ca_file) = authority();
        let url = format!("{scheme}://user:pass@localhost:{}{query}", server.port());
        let smtp = smtp(&url, |s| s.ca_file = Some(other_ca_file.path().to_owned()));
        let outcome = send(&smtp, &notification(Channel::Email, "to@example.net")).await;
        assert_eq!(outcome.class, Class::Transient, "{}", outcome.detail);
        assert!(!server.commands().iter().any(|command| command.starts_with("AUTH")));
        assert!(server.delivered().is_empty());
    }
}

#[tokio::test]
async fn required_means_required() {
    let (_, ca_file) = authority();
    let server = MailServer::start(Setup { auth: Some("AHVzZXIAcGFzcw=="), ..Setup::default() }).await;
    for (query, class) in [("required", Class::Misconfigured), ("opportunistic", Class::Accepted)] {
        let url = format!("smtp://user:pass@localhost:{}?tls={query}", server.port());
        let smtp = smtp(&url, |s| s.ca_file = Some(ca_file.path().to_owned()));
        let outcome = send(&smtp, &notification(Channel::Email, "to@example.net")).await;
        assert_eq!(outcome.class, class, "{query}: {}", outcome.detail);
    }
    assert_eq!(server.delivered().len(), 1);
}
