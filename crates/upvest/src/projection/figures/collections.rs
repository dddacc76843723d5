//! How much of a fee or tax was collected.
//!
//! Upvest writes an amount of a fee as a text, and one of a tax as an object with `amount` and `currency`.

use serde_json::value::RawValue;

use super::super::value::{UnreadableError, Values, decimal};
use crate::decimal::Decimal;
use crate::json::{self, Object};

/// Computes `processed_total`, the exact sum of `processed_amount`, and `outstanding`, what is left of
/// `collection_amount`. Both only where the object has a `processed_amount`.
pub(super) fn compute(collection: &Object<'_>, values: &mut Values) {
    let Some(processed) = collection.member("processed_amount") else {
        return;
    };
    let processed = total(processed);
    if let Ok(processed) = &processed {
        let whole = collection.member("collection_amount");
        let whole = amount(whole, "object.collection_amount");
        values.figure("outstanding", whole.map(|whole| whole - processed.clone()));
    }
    values.figure("processed_total", processed);
}

/// Adds up what came from each source, or reads the one amount.
fn total(processed: &RawValue) -> Result<Decimal, UnreadableError> {
    const PLACE: &str = "object.processed_amount";
    match Object::parse(processed.get()) {
        Some(sources) if sources.member("amount").is_none() => sources
            .members()
            .map(|(source, figure)| {
                let source = String::from_utf8_lossy(source);
                amount(Some(figure), &format!("{PLACE}.{source}"))
            })
            .sum(),
        _ => amount(Some(processed), PLACE),
    }
}

/// Reads an amount, with or without its currency.
fn amount(value: Option<&RawValue>, place: &str) -> Result<Decimal, UnreadableError> {
    let with_currency = value.and_then(|value| Object::parse(value.get())?.member("amount"));
    let figure = with_currency.or(value).and_then(json::figure);
    decimal(figure.as_deref(), place)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{text, values};

    #[test]
    fn what_is_collected_and_what_is_left_add_up_exactly() {
        let values = values(
            "FEE_COLLECTION",
            r#"{"id":"f","collection_amount":"12.41","processed_amount":{"cash_balance":"0.1","sell_to_cover":"12.305"}}"#,
        );
        assert_eq!(values.values.get("processed_total").cloned(), text("12.405"));
        assert_eq!(values.values.get("outstanding").cloned(), text("0.005"));
    }

    #[test]
    fn amounts_with_a_currency_are_read_as_those_without() {
        let values = values(
            "TAX_COLLECTION",
            r#"{"id":"t","collection_amount":{"amount":"9","currency":"EUR"},
                "processed_amount":{"cash_balance":{"amount":"4","currency":"EUR"},"sell_to_cover":0.5}}"#,
        );
        assert_eq!(values.values.get("processed_total").cloned(), text("4.5"));
        assert_eq!(values.values.get("outstanding").cloned(), text("4.5"));
    }

    #[test]
    fn a_figure_that_is_no_decimal_is_named_once() {
        let values = values(
            "TAX_COLLECTION",
            r#"{"id":"t","collection_amount":"12.41","processed_amount":{"cash_balance":"some"}}"#,
        );
        assert_eq!(values.unreadable, ["object.processed_amount.cash_balance"]);
        assert!(values.values.is_empty());
    }
}
