//! `policy`: what those who operate a stack need to be allowed.

use clap::{Args, ValueEnum};
use operator::Result;
use operator::policy::{Holder, MANAGED_POLICY_CHARACTERS, characters, parted, policy};
use serde::Serialize;
use serde_json::Value;

use crate::arguments::Site;
use crate::output::{Report, pretty};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Who is to hold the policy
    holder: Who,
    /// Print a list of policies, each short enough for a managed policy of IAM
    #[arg(long)]
    split: bool,
}

/// Says for whom the policy is: it allows what the commands of such an operator call.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Who {
    /// Whoever looks: every command that changes nothing, `doctor` among them
    Look,
    /// Whoever repairs, who needs the policy to look besides
    Repair,
    /// Whoever puts rows of a lost table back, by `restore`
    Restore,
}

/// Reports a policy, or the parts of one. It is a document of IAM, and the same for people and for scripts.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Policies {
    Whole(Value),
    Parted(Vec<Value>),
}

impl Arguments {
    /// Makes the policy of the stack's own ARNs.
    pub(crate) async fn run(self, site: Site<'_>) -> Result<Policies> {
        let holder = match self.holder {
            Who::Look => Holder::Look,
            Who::Repair => Holder::Repair,
            Who::Restore => Holder::Restore,
        };
        let policy = policy(site.stack, holder).await?;
        if self.split {
            return Ok(Policies::Parted(parted(&policy)));
        }
        let length = characters(&policy);
        if length > MANAGED_POLICY_CHARACTERS {
            site.reporter.note(&format!(
                "it has {length} characters, and a managed policy at most {MANAGED_POLICY_CHARACTERS}: use --split, or give it to a \
                 role as an inline policy"
            ));
        }
        Ok(Policies::Whole(policy))
    }
}

impl Report for Policies {
    fn text(&self) -> String {
        let json = serde_json::to_string(self).expect("a policy is JSON already");
        format!("{}\n", pretty(&json))
    }
}
