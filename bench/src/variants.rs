//! Who does the work that is measured: the functions as they ship, and others that do the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use upvest::Domain;

use crate::cases::Stage;
use crate::player::Function;

/// Is the variant that all others are compared with.
pub const RECEIVER: &str = "receiver";
/// Is the function that does nothing.
pub const EMPTY: &str = "empty";
/// Says what is missing where the peer in Node is left out.
pub const WITHOUT_NODE: &str =
    "node-lean is left out: it needs Node 20 or newer with npm, and `make bench` to install its packages";
/// Says where `make bench` installs the packages of the peer in Node.
const NODE_PACKAGES: &str = ".tools/bench-node";

/// Is one of those that do the same work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variant {
    /// Is a folder of our functions.
    Rust {
        /// Gives the name in the report: [`RECEIVER`], or `before` for an earlier build.
        name: &'static str,
        /// Says where the binaries are: `<function>/bootstrap`, as they are deployed.
        folder: PathBuf,
    },
    /// Is written in Python: `<stage>_<peer>.py` among the peers.
    Python {
        /// Gives the name in the report.
        name: &'static str,
        /// Names the modules.
        peer: &'static str,
    },
    /// Is written for Node: `node/<stage>.js` among the peers.
    Node,
}

impl Variant {
    /// Lists who does the work of a stage, the shipped functions first.
    #[must_use]
    pub fn all(stage: Stage, release: &Path, before: Option<&Path>) -> Vec<Self> {
        let folder = |name, folder: &Path| Self::Rust {
            name,
            folder: folder.to_owned(),
        };
        let mut variants = vec![folder(RECEIVER, release)];
        variants.extend(before.map(|before| folder("before", before)));
        let python = |(name, peer)| Self::Python { name, peer };
        variants.extend([("python-lean", "lean"), ("python-powertools", "powertools")].map(python));
        variants.push(Self::Node);
        // Only processors have a design that nobody would write by hand: states are read and written in batches.
        variants.extend((stage == Stage::Orders).then(|| python(("python-batched", "batched"))));
        variants
    }

    /// Tells whether it calls AWS for each event, rather than for many at a time.
    #[must_use]
    pub fn calls_for_each_event(&self, stage: Stage) -> bool {
        match self.name() {
            "python-powertools" => stage != Stage::Ingest,
            "python-lean" | "node-lean" => stage == Stage::Orders,
            _ => false,
        }
    }

    /// Gives the name in the report.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Rust { name, .. } | Self::Python { name, .. } => name,
            Self::Node => "node-lean",
        }
    }

    /// Describes the process that does a stage's work.
    #[must_use]
    pub fn function(&self, stage: Stage, surroundings: &Surroundings<'_>) -> Function {
        let mut environment = surroundings.environment();
        let command = match self {
            Self::Rust { folder, .. } => vec![built(folder, stage.binary())],
            Self::Python { peer, .. } => {
                let peers = surroundings.repository.join("bench/peers");
                environment.insert("PYTHONPATH".to_owned(), peers.display().to_string());
                let python = surroundings.repository.join(".tools/bench/bin/python");
                let handler = format!("{}_{peer}.handler", stage.name());
                let runtime = ["-m", "awslambdaric", &handler].map(str::to_owned);
                [python.display().to_string()]
                    .into_iter()
                    .chain(runtime)
                    .collect()
            }
            Self::Node => {
                let packages = surroundings.repository.join(NODE_PACKAGES).join("node_modules");
                environment.insert("NODE_PATH".to_owned(), packages.display().to_string());
                let runtime = surroundings.repository.join("bench/peers/node/runtime.js");
                let runtime = runtime.display().to_string();
                // It trusts the bundle of `SSL_CERT_FILE` alone, as the others do, and not what is compiled into it as well.
                let command = ["node", "--use-openssl-ca", &runtime, stage.name()];
                command.map(str::to_owned).to_vec()
            }
        };
        Function { command, environment }
    }
}

/// Finds the program of a function in a folder as `make build` leaves it.
#[must_use]
pub fn built(folder: &Path, function: &str) -> String {
    folder.join(function).join("bootstrap").display().to_string()
}

/// Tells whether the peer in Node can run: there is a Node, and `make bench` found it new enough and installed the packages.
#[must_use]
pub fn has_node(repository: &Path) -> bool {
    let version = Command::new("node").arg("--version").output();
    let is_installed = repository.join(NODE_PACKAGES).join(".installed").exists();
    is_installed && version.is_ok_and(|version| version.status.success())
}

/// Says what a function finds around it.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'s> {
    /// Says where the repository is.
    pub repository: &'s Path,
    /// Gives the address of all AWS services.
    pub endpoint: &'s str,
    /// Says where the certificates are that it trusts.
    pub bundle: &'s Path,
    /// Says where the peers read which domain a category belongs to.
    pub categories: &'s Path,
}

impl Surroundings<'_> {
    /// Makes the environment of a function: Lambda's own variables, those of the AWS SDKs, and the template's.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        let queue = |name: &str| format!("{}/000000000000/{name}", self.endpoint);
        let domains = Domain::ALL.map(|domain| format!("{domain}={}", queue(&format!("{domain}.fifo"))));
        let bundle = self.bundle.display().to_string();
        // As long as those of a role.
        let session = "IQoJb3JpZ2luX2Vj".repeat(40);
        let mut environment: BTreeMap<String, String> = CONSTANT
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        environment.extend(
            [
                ("PATH", std::env::var("PATH").unwrap_or_default()),
                ("AWS_SESSION_TOKEN", session),
                ("AWS_ENDPOINT_URL", self.endpoint.to_owned()),
                ("SSL_CERT_FILE", bundle.clone()),
                ("AWS_CA_BUNDLE", bundle),
                ("CATEGORIES_FILE", self.categories.display().to_string()),
                ("DELIVERIES_QUEUE_URL", queue("deliveries")),
                ("DEAD_LETTER_QUEUE_URL", queue("deliveries-dlq")),
                ("QUEUE_URL", queue("orders.fifo")),
                ("DOMAIN_QUEUES", domains.join(",")),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        environment
    }
}

const CONSTANT: [(&str, &str); 25] = [
    ("HOME", "/tmp"),
    ("AWS_REGION", "eu-central-1"),
    ("AWS_DEFAULT_REGION", "eu-central-1"),
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    (
        "AWS_SECRET_ACCESS_KEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_LAMBDA_FUNCTION_NAME", "f"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/f"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "s"),
    ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
    ("_HANDLER", "bootstrap"),
    ("LAMBDA_TASK_ROOT", "/tmp"),
    ("STACK_NAME", "upvest-webhooks"),
    ("POWERTOOLS_SERVICE_NAME", "upvest-webhooks"),
    ("POWERTOOLS_METRICS_NAMESPACE", "UpvestWebhooks"),
    ("MAX_RECEIVE_COUNT", "10"),
    ("KEYS_TABLE", "keys"),
    ("EVENTS_TABLE", "events"),
    ("ENTITIES_TABLE", "entities"),
    ("IDEMPOTENCY_TABLE", "idempotency"),
    ("ARCHIVE_BUCKET", "archive"),
    ("QUARANTINE_BUCKET", "quarantine"),
    ("PENDING_BUCKET", "pending"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_has_a_file_for_each_of_its_stages() {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        for stage in Stage::ALL {
            let variants = Variant::all(stage, Path::new("target/lambda"), None);
            let files = variants.iter().filter_map(|variant| match variant {
                Variant::Rust { .. } => None,
                Variant::Python { peer, .. } => Some(format!("{}_{peer}.py", stage.name())),
                Variant::Node => Some(format!("node/{}.js", stage.name())),
            });
            let files: Vec<_> = files.collect();
            assert!(files.len() >= 3);
            for file in files {
                assert!(peers.join(&file).is_file(), "{file}");
            }
        }
    }
}
