//! A whole run: prepares what is handed out, measures everything in turns, and reports.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use upvest::category::CATEGORIES;
use upvest::signature::SigningKey;
use upvest_simulator::generate_key;

use crate::cases::{CASES, Case, Stage};
use crate::error::BenchError;
use crate::inputs::Workshop;
use crate::player::{Function, Limits, Played, play};
use crate::report::{Report, Run};
use crate::stand_in::{Certificates, StandIn};
use crate::throttle::Throttle;
use crate::variants::{EMPTY, Surroundings, Variant, WITHOUT_NODE, built, has_node};

/// Says what is measured, and how thoroughly.
#[derive(Debug, Parser)]
#[command(about = "Measures the functions against the same work in Python and Node")]
pub struct Options {
    /// Measure with few processes: a minute or two in place of ten
    #[arg(long)]
    pub quick: bool,
    /// Measure the cases and cold starts alone whose name contains this text
    #[arg(long, default_value = "")]
    pub only: String,
    /// Measure functions of an earlier build as well, from this folder, as `make build` leaves them in target/lambda
    #[arg(long)]
    pub before: Option<PathBuf>,
    /// Leave the peers in Python and Node out
    #[arg(long)]
    pub alone: bool,
    /// Where the binaries of the functions are, as `make build` leaves them
    #[arg(long, default_value = "target/bench/functions")]
    pub functions: PathBuf,
    /// Where the report is written
    #[arg(long, default_value = "target/bench")]
    pub output: PathBuf,
}

/// Holds what all measurements of a run share.
struct Bench {
    options: Options,
    repository: PathBuf,
    certificates: Certificates,
    categories: PathBuf,
    key: SigningKey,
    invocations: BTreeMap<&'static str, Vec<String>>,
    has_node: bool,
}

/// Measures what the options ask for, and writes `report.json`.
///
/// # Errors
///
/// [`BenchError`] when something cannot be measured.
pub fn run(options: Options) -> Result<Report, BenchError> {
    let bench = Bench::prepare(options)?;
    let report = runtime(false)?.block_on(bench.run())?;
    let path = bench.options.output.join("report.json");
    let json = serde_json::to_string_pretty(&report).map_err(BenchError::Sample)?;
    std::fs::write(&path, json).map_err(BenchError::io(path.display().to_string()))?;
    Ok(report)
}

/// Makes a runtime of one thread, whose clock may stand.
fn runtime(paused: bool) -> Result<tokio::runtime::Runtime, BenchError> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let builder = builder.enable_all().start_paused(paused);
    builder.build().map_err(BenchError::io("a runtime"))
}

impl Bench {
    fn prepare(options: Options) -> Result<Self, BenchError> {
        let repository = std::env::current_dir().map_err(BenchError::io("the current folder"))?;
        let output = options.output.clone();
        std::fs::create_dir_all(&output).map_err(BenchError::io(output.display().to_string()))?;
        let categories = repository.join(&output).join("categories.json");
        let domains: BTreeMap<&str, &str> = CATEGORIES
            .iter()
            .map(|category| (category.name, category.domain.name()))
            .collect();
        let domains = serde_json::to_string(&domains).map_err(BenchError::Sample)?;
        std::fs::write(&categories, domains).map_err(BenchError::io(categories.display().to_string()))?;
        let key = generate_key()?;
        let mut bench = Self {
            certificates: Certificates::make(&repository.join(&output))?,
            invocations: BTreeMap::new(),
            has_node: has_node(&repository),
            repository,
            categories,
            key,
            options,
        };
        bench.invocations = runtime(true)?.block_on(bench.make_invocations())?;
        Ok(bench)
    }

    async fn make_invocations(&self) -> Result<BTreeMap<&'static str, Vec<String>>, BenchError> {
        let mut all = BTreeMap::new();
        let is_cold = |case: &Case| Stage::ALL.iter().any(|stage| stage.cold_case() == case.name);
        for case in CASES.iter().filter(|case| self.wants(case.name) || is_cold(case)) {
            let mut workshop = Workshop::new(&self.key).await?;
            all.insert(case.name, workshop.make(case.input, case.invocations()).await?);
        }
        Ok(all)
    }

    fn wants(&self, name: &str) -> bool {
        name.contains(&self.options.only)
    }

    fn rounds(&self) -> usize {
        if self.options.quick { 2 } else { 5 }
    }

    async fn run(&self) -> Result<Report, BenchError> {
        let mut report = Report::default();
        for case in CASES.iter().filter(|case| self.wants(case.name)) {
            go_on(self.measure(case, &mut report).await)?;
        }
        for stage in Stage::ALL {
            go_on(self.measure_cold(stage, None, &mut report).await)?;
        }
        if let Some(throttle) = Throttle::make() {
            go_on(
                self.measure_cold(Stage::Ingest, Some(&throttle), &mut report)
                    .await,
            )?;
        }
        report.run = Run {
            processor: processor(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            load: load(),
            certificates: self.certificates.count,
            rounds: self.rounds(),
            left_out: (!self.has_node && !self.options.alone).then_some(WITHOUT_NODE),
        };
        report.compare();
        Ok(report)
    }

    fn variants(&self, stage: Stage) -> Vec<Variant> {
        let mut variants = Variant::all(stage, &self.options.functions, self.options.before.as_deref());
        variants.retain(|variant| match variant {
            Variant::Rust { .. } => true,
            Variant::Python { .. } => !self.options.alone,
            Variant::Node => !self.options.alone && self.has_node,
        });
        variants
    }

    async fn measure(&self, case: &Case, report: &mut Report) -> Result<(), BenchError> {
        let limits = Limits {
            warm_up: case.warm_up,
            budget: Duration::from_millis(if self.options.quick { 500 } else { 1_500 }),
        };
        let mut variants = self.variants(case.stage);
        variants.retain(|variant| !case.is_long || !variant.calls_for_each_event(case.stage));
        tell(&format!("measuring {}", case.name));
        let mut plays: BTreeMap<&str, Vec<Played>> = BTreeMap::new();
        for _ in 0..self.rounds() {
            for variant in &variants {
                let function = |surroundings: &Surroundings<'_>| variant.function(case.stage, surroundings);
                let played = self.play(function, &self.invocations[case.name], limits).await?;
                plays.entry(variant.name()).or_default().push(played);
            }
        }
        for variant in &variants {
            report.add(case, variant.name(), &plays[variant.name()]);
        }
        Ok(())
    }

    async fn measure_cold(
        &self,
        stage: Stage,
        throttle: Option<&Throttle>,
        report: &mut Report,
    ) -> Result<(), BenchError> {
        let start = match throttle {
            Some(_) => format!("cold-throttled-{}", stage.name()),
            None => format!("cold-{}", stage.name()),
        };
        if !self.wants(&start) {
            return Ok(());
        }
        let limits = Limits {
            warm_up: 1,
            budget: Duration::ZERO,
        };
        tell(&format!("measuring {start}"));
        let first = &self.invocations[stage.cold_case()][..1];
        let mut variants = self.variants(stage);
        // One read and write more or less is no other start.
        variants.retain(|variant| variant.name() != "python-batched");
        let mut plays: BTreeMap<&str, Vec<Played>> = BTreeMap::new();
        // A start is short, and its time has more noise than a CPU time.
        for _ in 0..self.rounds() * if throttle.is_some() { 1 } else { 3 } {
            let empty = |surroundings: &Surroundings<'_>| Function {
                command: vec![built(&self.options.functions, EMPTY)],
                environment: surroundings.environment(),
            };
            plays
                .entry(EMPTY)
                .or_default()
                .push(self.play(throttled(throttle, empty), first, limits).await?);
            for variant in &variants {
                let function = |surroundings: &Surroundings<'_>| variant.function(stage, surroundings);
                let played = self.play(throttled(throttle, function), first, limits).await?;
                plays.entry(variant.name()).or_default().push(played);
            }
        }
        for (variant, plays) in plays {
            report.add_cold(&start, variant, &plays);
        }
        Ok(())
    }

    /// Runs one process over an AWS of its own.
    async fn play(
        &self,
        function: impl Fn(&Surroundings<'_>) -> Function,
        invocations: &[String],
        limits: Limits,
    ) -> Result<Played, BenchError> {
        let stand_in = StandIn::start(&self.certificates, &self.key).await?;
        let function = function(&Surroundings {
            repository: &self.repository,
            endpoint: &stand_in.endpoint,
            bundle: &self.certificates.bundle,
            categories: &self.categories,
        });
        let log = self.options.output.join("function.log");
        play(&function, invocations, limits, &stand_in, &log).await
    }
}

/// Leaves out what a function failed in: that is a finding, and no reason to lose the rest.
fn go_on(measured: Result<(), BenchError>) -> Result<(), BenchError> {
    match measured {
        Err(error @ BenchError::Function { .. }) => {
            tell(&format!("nothing of it: {error}"));
            Ok(())
        }
        other => other,
    }
}

#[expect(clippy::print_stderr, reason = "whoever waits for minutes sees how far it is")]
fn tell(what: &str) {
    eprintln!("{what}");
}

fn throttled<'t>(
    throttle: Option<&'t Throttle>,
    function: impl Fn(&Surroundings<'_>) -> Function + 't,
) -> impl Fn(&Surroundings<'_>) -> Function + 't {
    move |surroundings| {
        let function = function(surroundings);
        match throttle {
            Some(throttle) => Function {
                command: throttle.wrap(&function.command),
                ..function
            },
            None => function,
        }
    }
}

fn processor() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.to_owned())
}

fn load() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = load.split(' ').next().and_then(|load| load.parse().ok());
    first.unwrap_or_default()
}
