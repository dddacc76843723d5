//! Signs requests as Upvest asks of its clients: draft 15, component names in quotes.

use std::time::Duration;

use jiff::Timestamp;
use upvest::signature::{DigestAlgorithm, Headers, SignError, SignatureOptions, SignedRequest, SigningKey};
use uuid::Uuid;

use crate::request::Call;

/// Says that the signature is one of draft 15; without it Upvest assumes version 6. Never covered.
const VERSION: (&str, &str) = ("upvest-signature-version", "15");
/// Names the only version of the API.
const API_VERSION: &str = "1";

/// Holds what signs: the client, its key, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signer<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) key: &'a SigningKey,
    pub(crate) lifetime: Duration,
}

impl Signer<'_> {
    /// Returns all headers of a request, the signature's among them. No two calls give the same ones.
    pub(crate) fn sign(
        &self,
        call: &Call,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<Headers, SignError> {
        let body = call.body.as_ref();
        let mut headers = self.covered_headers(call, token);
        let mut components = vec!["@method".to_owned(), "@path".to_owned()];
        let query = call.url.query().filter(|query| !query.is_empty());
        components.extend(query.map(|_| "@query".to_owned()));
        components.extend(headers.iter().map(|(name, _)| name.to_owned()));
        components.extend(body.map(|_| "content-digest".to_owned()));
        let options = SignatureOptions {
            nonce: Some(Uuid::new_v4().to_string()),
            digest: DigestAlgorithm::Sha512,
            ..SignatureOptions::new(components).valid(now, now + self.lifetime)
        };
        let request = SignedRequest {
            method: call.method,
            path: call.url.path(),
            query,
            headers: &headers,
            body: body.map_or(&[], |body| &body.bytes),
        };
        let signature = self.key.sign(&request, &options)?;
        // Upvest has a digest with a body alone ("v15 content digest"); the signature always computes one.
        if body.is_some() {
            headers.push(signature.digest_name, signature.digest);
        }
        headers.push("signature-input", signature.signature_input);
        headers.push("signature", signature.signature);
        headers.push(VERSION.0, VERSION.1);
        Ok(headers)
    }

    fn covered_headers(&self, call: &Call, token: Option<&str>) -> Headers {
        let mut headers = Headers::new();
        headers.push("accept", call.accept);
        if let Some(token) = token {
            headers.push("authorization", format!("Bearer {token}"));
        }
        if let Some(length) = call.content_length() {
            headers.push("content-length", length.to_string());
        }
        if let Some(body) = &call.body {
            headers.push("content-type", body.content_type);
        }
        if let Some(key) = call.idempotency_key {
            headers.push("idempotency-key", key.to_string());
        }
        headers.push("upvest-client-id", self.client_id);
        headers.push("upvest-api-version", API_VERSION);
        headers
    }
}

#[cfg(test)]
mod tests {
    use upvest::signature::{Dialect, UnverifiedDelivery};

    use super::*;
    use crate::scope::Scope;

    fn signed(method: &'static str, url: &str, body: Option<&str>) -> (SigningKey, Call, Headers) {
        let key = SigningKey::generate_ed25519("key-1", Dialect::QuotedContentDigest).unwrap();
        let mut call = Call::new(method, url.parse().unwrap(), Scope::WebhooksRead);
        if let Some(body) = body {
            call = call.with_json(body.into(), None);
        }
        let signer = Signer {
            client_id: "5ec16164-6173-461d-b90d-116d68f55b40",
            key: &key,
            lifetime: Duration::from_secs(10),
        };
        let headers = signer.sign(&call, Some("token"), Timestamp::UNIX_EPOCH).unwrap();
        (key, call, headers)
    }

    fn input(headers: &Headers) -> String {
        headers.combined("signature-input").unwrap().into_owned()
    }

    #[test]
    fn a_request_with_a_body_covers_what_the_contract_lists() {
        let (key, call, headers) = signed("POST", "https://h/endpoint?a=b", Some(r#"{"key": "value"}"#));
        let (list, parameters) = input(&headers)
            .split_once(';')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        assert_eq!(
            list,
            "sig1=(\"@method\" \"@path\" \"@query\" \"accept\" \"authorization\" \"content-length\" \"content-type\" \
             \"idempotency-key\" \"upvest-client-id\" \"upvest-api-version\" \"content-digest\")"
        );
        assert!(
            parameters.starts_with("keyid=\"key-1\";created=0;expires=10;nonce=\""),
            "{parameters}"
        );
        assert_eq!(
            headers.combined("content-digest").unwrap(),
            "sha-512=:Hd9/AvGZkbjitW1+Ml8Fg1ux1mtcDYe6mLQjDyoowIWa3LM/PmwN2v9O+MjtQGrCA3EQWUL54dlgxKHyYbrucw==:"
        );
        assert_eq!(headers.combined("content-type").unwrap(), "application/json");
        assert_eq!(headers.combined("content-length").unwrap(), "16");
        assert_eq!(headers.combined("upvest-signature-version").unwrap(), "15");
        let request = SignedRequest {
            method: "POST",
            path: "/endpoint",
            query: Some("a=b"),
            headers: &headers,
            body: &call.body.unwrap().bytes,
        };
        let unverified = UnverifiedDelivery::parse(request).unwrap();
        let verified = unverified
            .verify([&key.verifying_key().unwrap()], Timestamp::UNIX_EPOCH)
            .unwrap();
        assert!(verified.signature_base().starts_with(
            "\"@method\": POST\n\"@path\": /endpoint\n\"@query\": ?a=b\n\"accept\": application/json\n"
        ));
    }

    #[test]
    fn a_request_without_a_body_has_neither_digest_nor_content_headers() {
        let (_, _, headers) = signed("GET", "https://h", None);
        let list = input(&headers);
        assert!(
            list.starts_with("sig1=(\"@method\" \"@path\" \"accept\" \"authorization\" \"upvest-client-id\""),
            "{list}"
        );
        for name in [
            "content-digest",
            "content-length",
            "content-type",
            "idempotency-key",
        ] {
            assert_eq!(headers.combined(name), None, "{name}");
        }
    }

    #[test]
    fn a_post_without_a_body_covers_that_it_has_none() {
        for method in ["POST", "PATCH"] {
            let (_, _, headers) = signed(method, "https://h/webhooks/1/test", None);
            assert_eq!(headers.combined("content-length").unwrap(), "0", "{method}");
            let list = input(&headers);
            assert!(list.contains("\"content-length\" \"idempotency-key\""), "{list}");
            for name in ["content-digest", "content-type"] {
                assert_eq!(headers.combined(name), None, "{method} {name}");
            }
        }
        assert_eq!(
            signed("DELETE", "https://h/webhooks/1", None)
                .2
                .combined("content-length"),
            None
        );
    }

    #[test]
    fn no_two_signatures_share_a_nonce() {
        let nonce = || {
            input(&signed("GET", "https://h/", None).2)
                .split_once("nonce=")
                .unwrap()
                .1
                .to_owned()
        };
        assert_ne!(nonce(), nonce());
    }
}
