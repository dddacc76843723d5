//! How much of a fee or tax was collected.
//!
//! Upvest writes an amount of a fee as a text, and one of a tax as an object with `amount` and `currency`.

use serde_json::Value;

use super::{Unreadable, Values};
use crate::decimal::Decimal;
use crate::entity_key::at_path;
use crate::projection::Projection;

/// `processed_total`: the exact sum of `processed_amount`. `outstanding`: what is left of `collection_amount`.
/// Both only where the object has a `processed_amount`.
pub(super) fn derive(collection: &Projection, values: &mut Values) {
    let object = collection.object();
    let Some(processed) = at_path(&object, "processed_amount") else {
        return;
    };
    let processed = total(processed);
    if let Ok(processed) = &processed {
        let whole = amount(&object["collection_amount"], "object.collection_amount");
        values.figure("outstanding", whole.map(|whole| whole - processed.clone()));
    }
    values.figure("processed_total", processed);
}

/// The sum of what came from each source, or the one amount.
fn total(processed: &Value) -> Result<Decimal, Unreadable> {
    const PLACE: &str = "object.processed_amount";
    match processed {
        Value::Object(sources) if !sources.contains_key("amount") => sources
            .iter()
            .map(|(source, figure)| amount(figure, &format!("{PLACE}.{source}")))
            .sum(),
        _ => amount(processed, PLACE),
    }
}

/// An amount, with or without its currency.
fn amount(value: &Value, place: &str) -> Result<Decimal, Unreadable> {
    let figure = value.get("amount").unwrap_or(value).as_str();
    figure
        .and_then(|figure| figure.parse().ok())
        .ok_or_else(|| Unreadable(place.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{derived, text, unreadable};

    #[test]
    fn what_is_collected_and_what_is_left_add_up_exactly() {
        let derived = derived(
            "FEE_COLLECTION",
            r#"{"id":"f","collection_amount":"12.41","processed_amount":{"cash_balance":"0.1","sell_to_cover":"12.305"}}"#,
        );
        assert_eq!(derived["processed_total"], text("12.405"));
        assert_eq!(derived["outstanding"], text("0.005"));
    }

    #[test]
    fn amounts_with_a_currency_are_read_as_those_without() {
        let derived = derived(
            "TAX_COLLECTION",
            r#"{"id":"t","collection_amount":{"amount":"9","currency":"EUR"},
                "processed_amount":{"cash_balance":{"amount":"4","currency":"EUR"},"sell_to_cover":"0.5"}}"#,
        );
        assert_eq!(derived["processed_total"], text("4.5"));
        assert_eq!(derived["outstanding"], text("4.5"));
    }

    #[test]
    fn a_figure_that_is_no_decimal_is_named_once() {
        let derived = derived(
            "TAX_COLLECTION",
            r#"{"id":"t","collection_amount":"12.41","processed_amount":{"cash_balance":"some"}}"#,
        );
        assert_eq!(
            derived["unreadable"],
            unreadable(&["object.processed_amount.cash_balance"])
        );
        assert_eq!(derived.len(), 1);
    }
}
