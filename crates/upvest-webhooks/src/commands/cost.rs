//! `cost`: what a month costs, reckoned without a stack.

use clap::{Args, ValueEnum};
use operator::cost::{MonthlyCost, Observability, REGIONS, Traffic, US_EAST_1, reckon};
use operator::{Error, Result};

use crate::output::{Report, rows_of};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Events that Upvest sends in a day
    #[arg(long, value_name = "N")]
    events_per_day: u32,
    /// Events in a delivery, on average; more of them make each cheaper
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    per_delivery: u32,
    /// How much the stack watches itself: its parameter Observability
    #[arg(long, value_enum, default_value = "full")]
    observability: Watching,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Watching {
    Lean,
    Full,
}

impl Arguments {
    /// Runs the command at the list prices of a region: those of us-east-1 where none is named.
    pub(crate) fn run(&self, region: Option<&str>) -> Result<MonthlyCost> {
        let region = region.unwrap_or(US_EAST_1.region);
        let Some(prices) = REGIONS.iter().find(|prices| prices.region == region) else {
            let known: Vec<_> = REGIONS.iter().map(|prices| prices.region).collect();
            let known = known.join(" and ");
            return Err(Error::usage(format!(
                "the prices of {region} are not known here, those of {known} are"
            )));
        };
        let traffic = Traffic {
            events_per_day: self.events_per_day.into(),
            per_delivery: self.per_delivery.into(),
        };
        let observability = match self.observability {
            Watching::Lean => Observability::Lean,
            Watching::Full => Observability::Full,
        };
        Ok(reckon(traffic, prices, observability))
    }
}

impl Report for MonthlyCost {
    fn text(&self) -> String {
        let Self {
            region,
            usd,
            usd_per_million_events,
            usd_fixed,
            items,
        } = self;
        let due = |is_fixed| if is_fixed { "always" } else { "by events" };
        let table = rows_of(items)
            .column("what", |item| item.what)
            .column("in a month", |item| count(item.count))
            .column("USD", |item| format!("{:.2}", item.usd))
            .column("due", |item| due(item.is_fixed));
        format!(
            "{usd:.2} USD a month in {region}: {usd_fixed:.2} whatever arrives, \
             and {usd_per_million_events:.2} for each million events\n\n{table}\n\n\
             List prices without free tier, discounts and taxes; storage, a key of your own (KMS) and published changes come on \
             top (docs/cost.md)\n"
        )
    }
}

/// Writes a count with as many digits as it needs to be told from another.
fn count(count: f64) -> String {
    match count {
        0.0..100.0 if count.fract() > 0.0 => format!("{count:.2}"),
        _ => format!("{count:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use webhook_tests::schemas::fitting;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(arguments: &[&str]) -> std::result::Result<Arguments, clap::Error> {
        let line = ["cost"].iter().chain(arguments);
        Line::try_parse_from(line).map(|line| line.arguments)
    }

    #[test]
    fn the_total_comes_first() {
        let arguments = parse(&["--events-per-day", "100000", "--per-delivery", "10"]).unwrap();
        let cost = arguments.run(Some("eu-central-1")).unwrap();
        assert_eq!(fitting("cost", &cost)["region"], "eu-central-1");
        let text = cost.text();
        let (first, table) = text.split_once('\n').unwrap();
        assert!(first.contains(" USD a month in eu-central-1"), "{first}");
        assert!(table.contains("DynamoDB write units"), "{table}");
    }

    #[test]
    fn a_region_without_prices_and_a_delivery_without_events_are_refused() {
        assert!(parse(&["--events-per-day", "1", "--per-delivery", "0"]).is_err());
        let arguments = parse(&["--events-per-day", "1", "--per-delivery", "1"]).unwrap();
        assert_eq!(
            arguments.run(Some("mars-1")).unwrap_err().kind(),
            operator::ErrorKind::Usage
        );
    }
}
