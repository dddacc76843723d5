//! The certificates that connections are trusted by.
//!
//! They are those of the file that `SSL_CERT_FILE` names, as the template has it. The usual library takes half of a cold start
//! for its 145 certificates; here they are read as every such file is written, and by the library where one is not.

use std::{fmt, fs};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls_native_certs::{load_certs_from_paths, load_native_certs};

use super::Variables;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Says where the certificates are that are trusted.
#[derive(Debug, Clone)]
pub(super) enum Bundle {
    /// Reads the file that `SSL_CERT_FILE` names.
    File(String),
    /// Reads what the usual library finds: in a folder that is named, or in the system's.
    Found,
}

impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{path} (SSL_CERT_FILE, the parameter CertificateBundle)"),
            Self::Found => f.write_str("SSL_CERT_DIR or the system's certificates"),
        }
    }
}

impl Bundle {
    /// Chooses the file that `SSL_CERT_FILE` names, unless `SSL_CERT_DIR` is set too; else what the library
    /// finds.
    pub(super) fn named(variables: &Variables<'_>) -> Self {
        // Where a folder of certificates is named, or nothing is, the library reads all there is.
        match (variables("SSL_CERT_DIR"), variables("SSL_CERT_FILE")) {
            (None, Some(path)) => Self::File(path),
            _ => Self::Found,
        }
    }

    /// Reads the trusted certificates. One that is none is left out.
    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        let (taken, left_out) = roots.add_parsable_certificates(self.certificates());
        if taken == 0 {
            tracing::error!(
                left_out,
                "there is no certificate to trust in {self}, so that AWS cannot be reached: name a file that has some"
            );
        }
        roots
    }

    fn certificates(&self) -> Vec<CertificateDer<'static>> {
        let found = match self {
            Self::File(path) => match fs::read_to_string(path).ok().and_then(|text| from_pem(&text)) {
                Some(certificates) => return certificates,
                None => load_certs_from_paths(Some(path.as_ref()), None),
            },
            Self::Found => load_native_certs(),
        };
        if !found.errors.is_empty() {
            tracing::warn!(errors = ?found.errors, "certificates could not be read");
        }
        found.certs
    }
}

/// Reads certificates as files nearly always have them (RFC 7468): the markers and the base64 on lines of their own. `None`
/// where anything is otherwise, or nothing is there.
fn from_pem(text: &str) -> Option<Vec<CertificateDer<'static>>> {
    let mut certificates = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        if line == BEGIN {
            if open.replace(String::new()).is_some() {
                return None;
            }
        } else if line == END {
            certificates.push(STANDARD.decode(open.take()?).ok()?.into());
        } else if line.starts_with("-----") {
            // Another section, or a marker with more on its line.
            return None;
        } else if let Some(base64) = &mut open {
            base64.push_str(line);
        }
    }
    let is_whole = open.is_none() && !certificates.is_empty();
    is_whole.then_some(certificates)
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;

    use super::*;

    #[test]
    fn certificates_are_read_as_the_usual_library_reads_them() {
        let (first, second) = (STANDARD.encode([7; 100]), STANDARD.encode([9; 40]));
        let (start, rest) = first.split_at(64);
        let text = format!(
            "# Amazon Root CA 1\n{BEGIN}\n{start}\n{rest}\n{END}\n\n{BEGIN}\r\n{second}\r\n{END}\r\n"
        );
        let usual: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        let read = from_pem(&text);
        assert_eq!(read, usual.ok());
        assert_eq!(read.map(|certificates| certificates.len()), Some(2));
    }

    #[test]
    fn a_file_that_is_written_otherwise_is_left_to_the_usual_library() {
        for text in [
            String::new(),
            "no certificate".to_owned(),
            format!("{BEGIN}\nAAAAA\n{END}\n"),
            format!("{BEGIN}\n!\n{END}\n"),
            format!("{BEGIN}\nAAAA\n"),
            format!("{BEGIN}\n{BEGIN}\nAAAA\n{END}\n"),
            format!("AAAA\n{END}\n"),
            format!("{BEGIN}\nAAAA\n{END}\n{BEGIN} \nAAAA\n{END} \n"),
        ] {
            assert_eq!(from_pem(&text), None, "{text}");
        }
    }
}
