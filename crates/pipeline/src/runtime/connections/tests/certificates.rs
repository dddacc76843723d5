//! Whom connections trust, and what is said where they do not.

use fake_aws::tls::Authority;
use tokio_rustls::rustls::ServerConfig;

use super::server::{Manner, Server};
use super::{BundleFile, authority, get, reason};

/// Asks a server for an answer that it must not get to give, and returns its address and what the error says.
async fn refused(bundle: &BundleFile, tls: ServerConfig) -> (String, String) {
    let server = Server::start(Manner::Answers, Some(tls)).await;
    let url = format!("https://{}/", server.address);
    let reason = reason(get(&bundle.connections(&[]), &url).await);
    assert_eq!(server.requests(), Vec::<String>::new(), "{reason}");
    (server.address.to_string(), reason)
}

#[tokio::test]
async fn every_authority_of_the_bundle_is_trusted() {
    let (first, second) = (authority(), Authority::new("A bank's inspection").unwrap());
    let (one, other) = (first.pem(), second.pem());
    // As systems write it, and as one who appends to it by hand does, which is left to the usual library.
    for text in [
        format!("# Trusted Root\n{one}\n# Another\n{other}"),
        format!("{one}{other}-----BEGIN NOTE-----\nAAAA\n-----END NOTE-----\n"),
    ] {
        let bundle = BundleFile::of(&text);
        let connections = bundle.connections(&[]);
        for authority in [&first, &second] {
            let tls = authority.server("127.0.0.1").unwrap();
            let server = Server::start(Manner::Answers, Some(tls)).await;
            let url = format!("https://{}/", server.address);
            assert_eq!(get(&connections, &url).await.unwrap(), 200, "{text}");
        }
    }
}

#[tokio::test]
async fn of_a_certificate_that_nobody_vouches_for_it_is_said_where_the_authorities_are() {
    let stranger = Authority::new("Unknown Root").unwrap();
    let bundle = BundleFile::of(authority().pem());
    let (address, reason) = refused(&bundle, stranger.server("127.0.0.1").unwrap()).await;
    let path = bundle.path();
    assert_eq!(
        reason,
        format!(
            "io error: the certificate of {address} is refused, because no authority in {path} (SSL_CERT_FILE, the parameter \
             CertificateBundle) has signed it: invalid peer certificate: UnknownIssuer"
        )
    );
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused_and_the_error_says_so() {
    let authority = authority();
    let bundle = BundleFile::of(authority.pem());
    let (address, reason) = refused(&bundle, authority.expired_server("127.0.0.1").unwrap()).await;
    let start = format!(
        "io error: the certificate of {address} is refused: invalid peer certificate: certificate expired: "
    );
    assert!(reason.starts_with(&start), "{reason}");
}

#[tokio::test]
async fn a_certificate_of_another_host_is_refused_and_the_error_names_both() {
    let authority = authority();
    let bundle = BundleFile::of(authority.pem());
    let (address, reason) = refused(&bundle, authority.server("other.example.com").unwrap()).await;
    let start = format!(
        "io error: the certificate of {address} is refused: invalid peer certificate: certificate not valid for name \
         \"127.0.0.1\"; "
    );
    assert!(reason.starts_with(&start), "{reason}");
    assert!(reason.contains("other.example.com"), "{reason}");
}

#[tokio::test]
async fn of_a_bundle_that_has_no_certificate_it_is_said_which_file_it_is() {
    let authority = authority();
    let gone = BundleFile::of("");
    std::fs::remove_file(gone.path()).unwrap();
    for bundle in [
        gone,
        BundleFile::of(""),
        BundleFile::of("no certificate\n"),
        BundleFile::of("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ] {
        let (address, reason) = refused(&bundle, authority.server("127.0.0.1").unwrap()).await;
        let path = bundle.path();
        let start = format!(
            "io error: the certificate of {address} is refused, because there is no authority in {path} (SSL_CERT_FILE, the \
             parameter CertificateBundle): "
        );
        assert!(reason.starts_with(&start), "{reason}");
    }
}
