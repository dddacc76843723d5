//! Who a client is: one JSON document, as it is kept in a secret store.

mod members;

use std::collections::BTreeMap;
use std::fmt;

use reqwest::Url;
use secrecy::SecretString;
use serde_json::error::Category;
use upvest::signature::{KeyError, SigningKey};
use url::Host;

use crate::private_key;

use members::{Members, Text};

/// Names the base of Upvest's sandbox, by its documentation.
pub const SANDBOX_URL: &str = "https://sandbox.upvest.co";
/// Names the base of Upvest's live environment, by its documentation.
pub const LIVE_URL: &str = "https://api.upvest.co";

const FIELDS: &str =
    "client_id, client_secret, key_id, private_key, private_key_passphrase, environment, base_url";

/// Says who a client is: its id, its secret and the key that signs its requests.
///
/// They are read from a JSON object whose members are all strings:
///
/// | Member | Holds |
/// |---|---|
/// | `client_id` | the client id that Upvest gave out, a UUID |
/// | `client_secret` | the client secret that Upvest gave out |
/// | `key_id` | the id that Upvest gave to the public key |
/// | `private_key` | the private key, P-521 or Ed25519, in PEM: PKCS#8 (`PRIVATE KEY`, `ENCRYPTED PRIVATE KEY`) or SEC1 (`EC PRIVATE KEY`) |
/// | `private_key_passphrase` | the passphrase of an encrypted private key |
/// | `environment` | optional: `sandbox` or `live` |
/// | `base_url` | optional, in place of `environment`: another base, `https`, or `http` on a loopback address |
///
/// With neither `environment` nor `base_url` it is the sandbox. `Debug` shows no secret, and secrets are wiped from
/// memory on drop; the document that they were read from is its owner's.
///
/// ```
/// use upvest_api::{Credentials, CredentialsError};
///
/// let document = r#"{"client_id": "363f3305-7ab0-4e82-a158-f9d382ad08b6", "client_secret": "s3cret"}"#;
/// let error = Credentials::from_json(document).unwrap_err();
/// assert!(matches!(error, CredentialsError::Missing { name: "key_id" }));
/// assert!(!error.to_string().contains("s3cret"));
/// ```
pub struct Credentials {
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretString,
    pub(crate) signing_key: SigningKey,
    pub(crate) base_url: Url,
}

/// Names one of Upvest's two environments, which share nothing: neither clients nor keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Environment {
    /// The calls go to Upvest's sandbox, for tests and without real money.
    Sandbox,
    /// The calls go to the live environment, with real money and people.
    Live,
}

impl Environment {
    /// Returns the name that it has in credentials.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Live => "live",
        }
    }

    /// Returns the base URL of its calls, which their paths are put behind.
    #[must_use]
    pub const fn base_url(self) -> &'static str {
        match self {
            Self::Sandbox => SANDBOX_URL,
            Self::Live => LIVE_URL,
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Says why credentials cannot be used, and what to change. No text holds a secret or a part of the key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The document is not JSON at all.
    #[error("the credentials are not JSON (line {line}, column {column})")]
    NotJson {
        /// Gives the line where reading it ended, from 1.
        line: usize,
        /// Gives the column where reading it ended, from 1.
        column: usize,
    },
    /// The document is JSON, but no object of strings.
    #[error(
        "the credentials are not one JSON object whose members are all strings (line {line}, column {column})"
    )]
    NotAnObjectOfStrings {
        /// Gives the line where reading it ended, from 1.
        line: usize,
        /// Gives the column where reading it ended, from 1.
        column: usize,
    },
    /// A member is missing or empty.
    #[error("the credentials lack {name}: add it to the document")]
    Missing {
        /// Names the member that is to be added.
        name: &'static str,
    },
    /// A member is not known, such as a misspelt one.
    #[error("the credentials have an unknown member {name:?}; known ones are {FIELDS}")]
    Unknown {
        /// Names the member, as the document writes it.
        name: String,
    },
    /// The client id or secret cannot be sent in a header or form.
    #[error("{name} is malformed: it is to be printable ASCII without spaces at its ends")]
    Malformed {
        /// Names the member that cannot be sent.
        name: &'static str,
    },
    /// `environment` names none of Upvest's environments.
    #[error("environment is {0:?}: it is to be \"sandbox\" or \"live\"")]
    Environment(String),
    /// There are both `environment` and `base_url`.
    #[error("environment and base_url exclude one another: remove one of them")]
    TwoBases,
    /// `base_url` is no URL that credentials may be sent to.
    #[error(
        "base_url is to be https://HOST, or http:// on 127.0.0.1 or localhost, without user, query or fragment"
    )]
    BaseUrl,
    /// They are for another base than the environment that is wanted.
    #[error("the credentials are for {base_url}, and not for {wanted} ({})", wanted.base_url())]
    OtherEnvironment {
        /// Names the base that the document names.
        base_url: Url,
        /// Names the environment that the caller wants.
        wanted: Environment,
    },
    /// `private_key` does not hold a PEM block.
    #[error(
        "private_key is not a PEM block: its text is to begin with -----BEGIN, and to have its line breaks (in JSON: \\n)"
    )]
    NotPem,
    /// `private_key` is the PEM block of something else, such as `RSA PRIVATE KEY` or `PUBLIC KEY`.
    #[error(
        "private_key is a PEM block {0:?}, not \"PRIVATE KEY\", \"ENCRYPTED PRIVATE KEY\" or \"EC PRIVATE KEY\""
    )]
    WrongPemLabel(String),
    /// The PEM block of `private_key` does not hold what its label says.
    #[error("private_key is damaged: its PEM block is not base64 of a private key")]
    DamagedPem,
    /// `private_key` is encrypted, and there is no passphrase.
    #[error("private_key is encrypted: add the field private_key_passphrase")]
    PassphraseMissing,
    /// `private_key` is encrypted with another passphrase, or in a way that is not supported.
    #[error(
        "private_key cannot be decrypted: the passphrase is another one, or the encryption is neither PBES2 with \
         SHA-2 and AES (the default of openssl pkcs8 -topk8) nor AES in CBC mode (openssl ec -aes256)"
    )]
    NotDecrypted,
    /// `private_key` is a key of another algorithm, named by its object identifier.
    #[error("private_key has the algorithm {0}; Upvest takes keys on P-521 (openssl: secp521r1) and Ed25519")]
    WrongAlgorithm(String),
    /// `private_key` is on another curve or out of range, or its id is malformed.
    #[error(
        "private_key, or its key_id, cannot be used: elliptic-curve keys are to be on P-521 (openssl: secp521r1)"
    )]
    UnusableKey(#[source] KeyError),
}

impl Credentials {
    /// Reads credentials from their JSON document.
    ///
    /// # Errors
    /// [`CredentialsError`] says which member is wrong, and what to do.
    pub fn from_json(document: &str) -> Result<Self, CredentialsError> {
        Self::read(document, None)
    }

    /// Reads credentials for this environment from their JSON document, which may leave the environment out.
    ///
    /// # Errors
    /// [`CredentialsError::OtherEnvironment`] when the document names another one or another base, or else as
    /// [`from_json`](Self::from_json).
    pub fn from_json_for(document: &str, wanted: Environment) -> Result<Self, CredentialsError> {
        Self::read(document, Some(wanted))
    }

    fn read(document: &str, wanted: Option<Environment>) -> Result<Self, CredentialsError> {
        let members: BTreeMap<String, Text> = serde_json::from_str(document).map_err(|error| {
            // The error's own text may quote a value.
            let (line, column) = (error.line(), error.column());
            match error.classify() {
                Category::Data => CredentialsError::NotAnObjectOfStrings { line, column },
                _ => CredentialsError::NotJson { line, column },
            }
        })?;
        let mut members = Members(members);
        let client_id = members.printable("client_id")?;
        let client_secret = SecretString::from(members.printable("client_secret")?);
        let key_id = members.required("key_id")?;
        let private_key = SecretString::from(members.required("private_key")?);
        let passphrase = members.optional("private_key_passphrase").map(SecretString::from);
        let base_url = members.base_url(wanted)?;
        if let Some(name) = members.0.into_keys().next() {
            return Err(CredentialsError::Unknown { name });
        }
        let signing_key = private_key::read(&key_id, &private_key, passphrase.as_ref())?;
        Ok(Self {
            client_id,
            client_secret,
            signing_key,
            base_url,
        })
    }

    /// Returns the id that Upvest gave to the client.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the id of the key that signs requests.
    #[must_use]
    pub fn key_id(&self) -> &str {
        self.signing_key.key_id()
    }

    /// Returns the base URL of all calls, which their paths are put behind.
    #[must_use]
    pub const fn base_url(&self) -> &Url {
        &self.base_url
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("client_id", &self.client_id)
            .field("key_id", &self.key_id())
            .field("base_url", &self.base_url.as_str())
            .finish_non_exhaustive()
    }
}

/// Says whether a URL names this machine: a loopback address, or `localhost` and names under it (RFC 6761).
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    url.host().is_some_and(|host| match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const PEM: &str = include_str!("../tests/keys/p521.pem");

    fn document() -> Value {
        json!({"client_id": "363f3305-7ab0-4e82-a158-f9d382ad08b6", "client_secret": "WHIW1yic-ouct3sceh",
               "key_id": "key-1", "private_key": PEM})
    }

    fn with(name: &str, value: Value) -> Result<Credentials, CredentialsError> {
        let mut document = document();
        document[name] = value;
        Credentials::from_json(&document.to_string())
    }

    #[test]
    fn this_machine_is_told_from_addresses_and_names_that_look_like_it() {
        for (url, expected) in [
            ("http://127.0.0.1:8080/w", true),
            ("http://127.8.8.8/w", true),
            ("http://[::1]:8080/w", true),
            ("http://LOCALHOST/w", true),
            ("http://api.localhost/w", true),
            ("http://10.0.0.1/w", false),
            ("http://[::2]/w", false),
            ("http://127.0.0.1.example.com/w", false),
            ("http://localhost.example.com/w", false),
            ("http://notlocalhost/w", false),
            ("data:localhost", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn a_wanted_environment_is_used_unless_the_document_names_another() {
        let read = |member: Option<(&str, &str)>, wanted| {
            let mut document = document();
            if let Some((name, value)) = member {
                document[name] = value.into();
            }
            let read = Credentials::from_json_for(&document.to_string(), wanted);
            read.map(|credentials| credentials.base_url().to_string())
        };
        let live = "https://api.upvest.co/";
        assert_eq!(read(None, Environment::Live).unwrap(), live);
        assert_eq!(
            read(Some(("environment", "live")), Environment::Live).unwrap(),
            live
        );
        assert_eq!(
            read(Some(("base_url", LIVE_URL)), Environment::Live).unwrap(),
            live
        );
        for (member, wanted) in [
            (("environment", "live"), Environment::Sandbox),
            (("environment", "sandbox"), Environment::Live),
            (("base_url", "http://127.0.0.1:1"), Environment::Sandbox),
        ] {
            let error = read(Some(member), wanted).unwrap_err().to_string();
            assert!(error.contains(&format!("not for {wanted}")), "{error}");
        }
    }

    #[test]
    fn the_base_is_the_sandbox_unless_the_document_names_another() {
        let base = |credentials: &Credentials| credentials.base_url().as_str().to_owned();
        let plain = Credentials::from_json(&document().to_string()).unwrap();
        assert_eq!(
            (plain.key_id(), base(&plain).as_str()),
            ("key-1", "https://sandbox.upvest.co/")
        );
        assert_eq!(
            base(&with("environment", json!("live")).unwrap()),
            "https://api.upvest.co/"
        );
        assert_eq!(
            base(&with("base_url", json!("http://127.0.0.1:8090")).unwrap()),
            "http://127.0.0.1:8090/"
        );
        for refused in [
            "http://api.upvest.co",
            "https://u:p@api.upvest.co",
            "ftp://localhost",
            "x",
        ] {
            assert!(matches!(
                with("base_url", json!(refused)),
                Err(CredentialsError::BaseUrl)
            ));
        }
        assert!(matches!(
            with("environment", json!("prod")),
            Err(CredentialsError::Environment(_))
        ));
    }

    #[test]
    fn a_wrong_document_says_what_to_change_and_no_secret() {
        let missing = with("key_id", json!("")).unwrap_err().to_string();
        assert_eq!(missing, "the credentials lack key_id: add it to the document");
        let unknown = with("surroundings", json!("live")).unwrap_err().to_string();
        assert!(
            unknown.contains("\"surroundings\"") && unknown.contains("environment,"),
            "{unknown}"
        );
        let number = with("client_secret", json!(73_313_731)).unwrap_err().to_string();
        assert!(
            number.contains("strings") && !number.contains("73313731"),
            "{number}"
        );
        let broken = Credentials::from_json("{\"client_secret\": \"abc").unwrap_err();
        assert!(matches!(broken, CredentialsError::NotJson { line: 1, .. }));
        let padded = with("client_secret", json!("secret\n")).unwrap_err().to_string();
        assert!(padded.starts_with("client_secret is malformed"), "{padded}");
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = format!("{:?}", Credentials::from_json(&document().to_string()).unwrap());
        assert!(text.contains("363f3305"));
        assert!(!text.contains("WHIW1yic") && !text.contains("MIH"), "{text}");
    }
}
