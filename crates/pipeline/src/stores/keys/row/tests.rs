//! Rows of the keys table as they are written, and as they are read.

use super::*;

const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

#[test]
fn a_row_comes_back_as_it_was_written() {
    let now = "2026-01-05T09:30:00Z".parse().unwrap();
    let jwk: Jwk = serde_json::from_str(ED25519).unwrap();
    for row in [
        KeyRow::fetched("k", &jwk, now),
        KeyRow::imported_public("k", &jwk, now),
        KeyRow::imported_hmac("k", "arn:secret".to_owned(), now),
        KeyRow {
            dialects: vec!["quoted-digest".to_owned(), "unquoted-digest".to_owned()],
            last_proved: Some("2026-01-05T09:30:00Z".to_owned()),
            retired_at: Some("2026-01-06T09:30:00Z".to_owned()),
            distrusted_at: Some("2026-01-07T09:30:00Z".to_owned()),
            earlier: vec!["print".to_owned()],
            only: Some(SYNTHETIC.to_owned()),
            ..KeyRow::imported_hmac("k", "arn:secret".to_owned(), now)
        },
    ] {
        assert_eq!(KeyRow::from_item(&row.to_item()), row);
    }
}

#[test]
fn a_public_key_is_the_same_under_any_spelling() {
    let row = KeyRow {
        key_id: "k".to_owned(),
        jwk: Some(ED25519.replace(',', " , ")),
        ..KeyRow::default()
    };
    let jwk: Jwk = serde_json::from_str(ED25519).unwrap();
    assert!(row.is_public_key(&jwk) && row.is_public_key(&jwk.with_key_id("k")));
    assert!(!KeyRow::default().is_public_key(&serde_json::from_str(ED25519).unwrap()));
}

#[test]
fn a_time_of_retirement_that_is_none_is_not_taken_for_never() {
    let row = |retired_at: &str| KeyRow {
        retired_at: Some(retired_at.to_owned()),
        ..KeyRow::default()
    };
    assert!(row("2026-01-06T09:30:00Z").validity().is_ok());
    assert_eq!(row("yesterday").validity(), Err("retired_at"));
}

#[test]
fn a_limit_that_is_unknown_or_no_text_is_not_taken_for_none() {
    let limit = |only: AttributeValue| {
        let item = Item::from([("key_id".to_owned(), text("k")), ("only".to_owned(), only)]);
        KeyRow::from_item(&item).limit()
    };
    assert_eq!(limit(text(SYNTHETIC)), Ok(Limit::SyntheticEvents));
    assert_eq!(limit(text("orders")), Err("only"));
    assert_eq!(limit(AttributeValue::Bool(true)), Err("only"));
    assert_eq!(KeyRow::default().limit(), Ok(Limit::None));
}
