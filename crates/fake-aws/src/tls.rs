//! What servers that a test opens on this machine prove themselves with: an authority, and the certificates that it signs.

use std::error::Error;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Names whatever keeps a certificate from being made.
type BoxError = Box<dyn Error + Send + Sync>;

/// Signs the certificates of servers, which whoever trusts it believes.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// Makes an authority with a key of its own.
    ///
    /// # Errors
    ///
    /// When its key or its certificate cannot be made.
    pub fn new(name: &str) -> Result<Self, BoxError> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        Ok(Self { issuer, pem })
    }

    /// Returns its certificate, as a bundle has it.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Configures a server that proves to be `host`, a name or an address.
    ///
    /// # Errors
    ///
    /// When `host` is neither, or the certificate cannot be made.
    pub fn server(&self, host: &str) -> Result<ServerConfig, BoxError> {
        self.signed(&CertificateParams::new(vec![host.to_owned()])?)
    }

    /// Configures a server whose certificate for `host` has expired.
    ///
    /// # Errors
    ///
    /// As of [`Authority::server`].
    pub fn expired_server(&self, host: &str) -> Result<ServerConfig, BoxError> {
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.not_after = date_time_ymd(2001, 1, 1);
        self.signed(&params)
    }

    fn signed(&self, params: &CertificateParams) -> Result<ServerConfig, BoxError> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::try_from(key.serialize_der())?;
        let config = ServerConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth();
        Ok(config.with_single_cert(vec![certificate.into()], key)?)
    }
}
