//! The signature base: the text that is signed.

use super::component::Component;
use super::value::{Form, value};
use super::{Names, Origin, SignedRequest, VerifyError};

/// Holds what a signature base is written from, but for how names and values are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct BaseSource<'s, 'a> {
    pub(super) request: &'s SignedRequest<'a>,
    pub(super) origin: Option<&'a Origin>,
    pub(super) components: &'s [Component],
    /// Holds the text of the signature's parameters as received or as sent.
    pub(super) parameters: &'s str,
}

impl BaseSource<'_, '_> {
    /// Writes the signature base: a line for each component, then one of the parameters.
    pub(super) fn write(&self, names: Names, form: Form) -> Result<String, VerifyError> {
        let mut base = String::with_capacity(64 * self.components.len() + self.parameters.len());
        for component in self.components {
            let Some(value) = value(component, self.request, self.origin, form)? else {
                continue;
            };
            if value.contains(['\r', '\n']) {
                return Err(VerifyError::LineBreakInComponent {
                    component: component.as_str().to_owned(),
                });
            }
            component.push_to(&mut base, names);
            for part in [": ", &value, "\n"] {
                base.push_str(part);
            }
        }
        base.push_str(match names {
            Names::Unquoted => "@signature-params: ",
            Names::Quoted => "\"@signature-params\": ",
        });
        base.push_str(self.parameters);
        Ok(base)
    }

    /// Lists the components whose value in this form is not the one that was received, with that value.
    pub(super) fn rewritten(&self, form: Form) -> Vec<(String, String)> {
        let read = |component, form| value(component, self.request, self.origin, form);
        self.components
            .iter()
            .filter_map(|component| {
                let signed = read(component, form).ok()??;
                let received = read(component, Form::RECEIVED).ok().flatten();
                (received.as_ref() != Some(&signed))
                    .then(|| (component.as_str().to_owned(), signed.into_owned()))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Headers;

    const NO_FORM: &str = "(...);keyid=\"k\"";

    fn request<'a>(headers: &'a Headers, body: &'a [u8]) -> SignedRequest<'a> {
        SignedRequest {
            method: "post",
            path: "/hooks",
            query: None,
            headers,
            body,
        }
    }

    /// Returns the values of components in each form in which the base can be written, without repetitions.
    fn values(
        request: &SignedRequest<'_>,
        origin: Option<&Origin>,
        names: &[&str],
    ) -> Result<Vec<String>, VerifyError> {
        let components: Vec<_> = names.iter().map(|name| Component::parse(name).unwrap()).collect();
        let source = BaseSource {
            request,
            origin,
            components: &components,
            parameters: NO_FORM,
        };
        let mut bases = Vec::new();
        let mut refused = None;
        for form in Form::all() {
            match source.write(Names::Unquoted, form) {
                Ok(base) => bases.push(base.replace("\n@signature-params: (...);keyid=\"k\"", "")),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        bases.dedup();
        match (bases.is_empty(), refused) {
            (true, Some(error)) => Err(error),
            _ => Ok(bases),
        }
    }

    fn first(request: &SignedRequest<'_>, name: &str) -> Result<String, VerifyError> {
        let origin = "https://hooks.example".parse().unwrap();
        let values = values(request, Some(&origin), &[name])?;
        let component = Component::parse(name).unwrap();
        Ok(values[0]
            .strip_prefix(&format!("{}: ", component.as_str()))
            .unwrap()
            .to_owned())
    }

    #[test]
    fn dialects_differ_in_the_quotes_around_names() {
        let headers = Headers::from_iter([("Accept", " a "), ("accept", "b"), ("x", "k=1")]);
        let request = SignedRequest {
            path: "",
            query: Some("a=b"),
            ..request(&headers, b"four")
        };
        let components: Vec<_> = [
            "accept",
            "@query",
            "@method",
            "content-length",
            "@path",
            "\"x\";key=\"k\"",
        ]
        .map(|name| Component::parse(name).unwrap())
        .into();
        let source = BaseSource {
            request: &request,
            origin: None,
            components: &components,
            parameters: NO_FORM,
        };
        assert_eq!(
            source.write(Names::Unquoted, Form::RECEIVED).unwrap(),
            "accept: a, b\n@query: ?a=b\n@method: POST\ncontent-length: 4\n@path: /\nx;key=\"k\": 1\n\
             @signature-params: (...);keyid=\"k\""
        );
        assert_eq!(
            source.write(Names::Quoted, Form::RECEIVED).unwrap(),
            "\"accept\": a, b\n\"@query\": ?a=b\n\"@method\": POST\n\"content-length\": 4\n\"@path\": /\n\
             \"x\";key=\"k\": 1\n\"@signature-params\": (...);keyid=\"k\""
        );
    }

    #[test]
    fn a_received_content_length_is_taken_as_it_is() {
        let headers = Headers::from_iter([("content-length", "9")]);
        assert_eq!(first(&request(&headers, b"four"), "content-length").unwrap(), "9");
    }

    #[test]
    fn derived_components_of_rfc_9421_come_from_the_request_and_the_public_url() {
        let headers = Headers::from_iter([("host", "evil.example"), ("x-forwarded-proto", "http")]);
        let request = SignedRequest {
            query: Some("a=1&b=x+y%2f&twice=1&twice=2"),
            ..request(&headers, b"")
        };
        for (name, value) in [
            ("@scheme", "https"),
            ("@authority", "hooks.example"),
            (
                "@target-uri",
                "https://hooks.example/hooks?a=1&b=x+y%2f&twice=1&twice=2",
            ),
            ("@request-target", "/hooks?a=1&b=x+y%2f&twice=1&twice=2"),
            ("\"@query-param\";name=\"b\"", "x%20y%2F"),
            ("host", "hooks.example"),
        ] {
            assert_eq!(first(&request, name).as_deref(), Ok(value), "{name}");
        }
        for name in ["\"@query-param\";name=\"twice\"", "\"@query-param\";name=\"c\""] {
            assert!(
                matches!(
                    first(&request, name),
                    Err(VerifyError::CoveredHeaderMissing { .. })
                ),
                "{name}"
            );
        }
    }

    #[test]
    fn a_host_that_is_ours_is_signed_as_it_was_written() {
        let headers = Headers::from_iter([("host", "Hooks.example:443")]);
        assert_eq!(
            first(&request(&headers, b""), "host").unwrap(),
            "Hooks.example:443"
        );
    }

    #[test]
    fn without_a_public_url_what_names_it_is_not_guessed() {
        let headers = Headers::from_iter([("host", "hooks.example")]);
        for name in ["@scheme", "@authority", "@target-uri"] {
            let component = name.to_owned();
            assert_eq!(
                values(&request(&headers, b""), None, &[name]),
                Err(VerifyError::PublicUrlUnknown { component })
            );
        }
    }

    #[test]
    fn parameters_of_fields_change_how_they_are_read() {
        let headers = Headers::from_iter([
            ("x-dict", "a=1,   b=2;x=1;y=2, c=(a   b   c), d"),
            ("x-list", "  \"a\",  b; q=1.50"),
            ("x-lines", "value, with, lots"),
            ("x-lines", " of, commas "),
            ("x-text", "é?"),
        ]);
        let request = request(&headers, b"");
        for (name, value) in [
            ("\"x-dict\";sf", "a=1, b=2;x=1;y=2, c=(a b c), d"),
            ("\"x-list\";sf", "\"a\", b;q=1.5"),
            ("\"x-dict\";key=\"a\"", "1"),
            ("\"x-dict\";key=\"b\"", "2;x=1;y=2"),
            ("\"x-dict\";key=\"c\"", "(a b c)"),
            ("\"x-dict\";key=\"d\"", "?1"),
            ("\"x-lines\";bs", ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:"),
        ] {
            assert_eq!(first(&request, name).as_deref(), Ok(value), "{name}");
        }
        for name in [
            "\"x-dict\";key=\"e\"",
            "\"x-text\";sf",
            "\"none\";bs",
            "\"x-list\";key=\"a\"",
        ] {
            assert!(
                matches!(
                    first(&request, name),
                    Err(VerifyError::CoveredHeaderMissing { .. })
                ),
                "{name}"
            );
        }
    }

    #[test]
    fn members_in_the_notation_of_drafts_are_read_as_written_and_as_upvests_signer_reads_them() {
        let headers = Headers::from_iter([
            ("x", "a=1, b=\"x, c=2\", d=(1, 2), a=3"),
            ("tracestate", "congo=t6,rojo=00"),
            ("list", "(a, b)"),
        ]);
        let request = request(&headers, b"");
        let values = |name| values(&request, None, &[name]);
        assert_eq!(values("x:a").unwrap(), ["x:a: 3"]);
        assert_eq!(values("x:b").unwrap(), ["x:b: \"x, c=2\""]);
        assert_eq!(values("x:d").unwrap(), ["x:d: (1, 2)"]);
        assert_eq!(
            values("tracestate:congo").unwrap()[..2],
            ["tracestate:congo: t6", "tracestate:congo: t6,rojo=00"]
        );
        assert_eq!(values("list:1").unwrap(), ["list:1: (a)"]);
        assert!(matches!(
            values("x:e"),
            Err(VerifyError::CoveredHeaderMissing { .. })
        ));
    }

    #[test]
    fn values_that_were_rewritten_are_tried_as_they_may_have_been_signed() {
        let headers = Headers::from_iter([
            ("accept", "a/b,c/d"),
            ("user-agent", "Upvest/1.0 (webhooks, prod)"),
        ]);
        let request = request(&headers, b"");
        let values = |name| values(&request, None, &[name]).unwrap();
        assert_eq!(
            values("accept"),
            [
                "accept: a/b,c/d",
                "accept: a/b, c/d",
                "accept: a/b",
                "accept: a/b,c/d",
                "accept: a/b, c/d",
                "accept: a/b"
            ]
        );
        assert_eq!(
            values("user-agent")[..2],
            [
                "user-agent: Upvest/1.0 (webhooks, prod)",
                "user-agent: Upvest/1.0 (webhooks"
            ]
        );
    }

    #[test]
    fn a_comma_within_a_string_gets_no_space() {
        let headers = Headers::from_iter([("x", r#""a,b\",c",d"#)]);
        let values = values(&request(&headers, b""), None, &["x"]).unwrap();
        assert!(values.contains(&r#"x: "a,b\",c", d"#.to_owned()), "{values:?}");
        assert!(!values.iter().any(|value| value.contains("a, b")), "{values:?}");
    }

    #[test]
    fn an_absent_query_has_no_line_or_a_question_mark() {
        let headers = Headers::new();
        let mut request = request(&headers, b"");
        request.query = Some("");
        let values = values(&request, None, &["@method", "@query"]).unwrap();
        assert_eq!(values, ["@method: POST", "@method: POST\n@query: ?"]);
    }

    #[test]
    fn a_digest_is_never_rewritten() {
        let headers = Headers::from_iter([
            ("digest", "SHA-256=AA==,  MD5=AA=="),
            ("content-digest", "a=:AA==:,b=::"),
        ]);
        for name in ["digest", "content-digest"] {
            assert_eq!(
                values(&request(&headers, b""), None, &[name]).unwrap().len(),
                1,
                "{name}"
            );
        }
    }

    #[test]
    fn a_line_break_in_a_value_is_refused() {
        let headers = Headers::from_iter([("accept", "a\n@path: /b")]);
        let request = SignedRequest {
            path: "/\r",
            ..request(&headers, b"")
        };
        for name in ["accept", "@path"] {
            let component = name.to_owned();
            assert_eq!(
                values(&request, None, &[name]),
                Err(VerifyError::LineBreakInComponent { component })
            );
        }
    }
}
