//! The arguments that describe what is simulated: the subscription, the signatures and the faults.

use std::time::Duration;

use clap::Args;
use upvest_simulator::{Faults, Subscription, Url};

#[derive(Debug, Args)]
#[command(next_help_heading = "Subscription")]
pub(super) struct SubscriptionArgs {
    /// Id of the subscription, which deliveries bear
    #[arg(long, default_value = Subscription::SAMPLE_ID)]
    pub(super) subscription_id: String,
    /// Deliver events of these categories alone, or ALL
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',', default_value = "ALL")]
    pub(super) types: Vec<String>,
    /// Deliver no events of these categories, whatever --types says
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',')]
    pub(super) exclude_types: Vec<String>,
    /// Deliver these categories over a second subscription, so that they can overtake the others
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',')]
    pub(super) apart: Vec<String>,
    /// How long an event waits for others to share its delivery
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    pub(super) delay: u64,
    /// The size of a body at which a batch does not wait any longer
    #[arg(long, value_name = "BYTES", default_value_t = 50 * 1024)]
    pub(super) max_package_size: usize,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Signatures and answers")]
pub(super) struct SigningArgs {
    /// Send retries with the signature of the first attempt
    #[arg(long)]
    pub(super) keep_signature: bool,
    /// From a signature's creation to its expiry
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(super) signature_lifetime: u64,
    /// How long an answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(super) answer_timeout: u64,
}

/// How likely each fault is, delivery by delivery.
#[derive(Debug, Args)]
#[command(next_help_heading = "Faults (probability per delivery, 0 to 1)")]
pub(super) struct FaultArgs {
    /// Take a 200 for lost and retry the whole delivery
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub(super) fault_duplicated: f64,
    /// Before the genuine delivery, send one whose body was changed after signing
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub(super) fault_tampered: f64,
    /// Before the genuine delivery, send one without signature headers
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub(super) fault_unsigned: f64,
    /// Before the genuine delivery, send one that is signed with an unpublished key
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub(super) fault_unknown_key: f64,
    /// Before the genuine delivery, send one whose signature has expired
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub(super) fault_expired: f64,
    /// Hold the delivery back until another subscription's has overtaken it
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub(super) fault_held_back: f64,
}

impl SubscriptionArgs {
    pub(super) fn subscriptions(self, url: Url) -> Vec<Subscription> {
        let mut main = Subscription {
            categories: self.types,
            excluded_categories: self.exclude_types,
            delay: Duration::from_secs(self.delay),
            max_package_size: self.max_package_size,
            ..Subscription::new(self.subscription_id, url)
        };
        if self.apart.is_empty() {
            return vec![main];
        }
        let apart = Subscription {
            id: format!("{}-apart", main.id),
            categories: self.apart.clone(),
            excluded_categories: Vec::new(),
            ..main.clone()
        };
        // Both lines: a list loses them, and `ALL`, which names none, gets them as exceptions.
        main.categories.retain(|category| !self.apart.contains(category));
        main.excluded_categories.extend(self.apart);
        vec![main, apart]
    }
}

impl From<FaultArgs> for Faults {
    fn from(args: FaultArgs) -> Self {
        Self {
            duplicated: args.fault_duplicated,
            tampered: args.fault_tampered,
            unsigned: args.fault_unsigned,
            unknown_key: args.fault_unknown_key,
            expired: args.fault_expired,
            held_back: args.fault_held_back,
        }
    }
}
