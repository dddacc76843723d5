//! What happens to the entities of a story.

use serde_json::{Value, json};
use upvest::Domain;
use upvest::category::{CATEGORIES, Category, Role};

use fake_aws::Rng;

/// Says how often something is told that should not be, in cases per 1000.
const ODDITY: u32 = 30;
/// Is a state that no type of a known category names.
const UNKNOWN_STATE: &str = "NEVER_SEEN";

/// Tells the events of a few entities, each entity's in the order in which they happened.
pub(super) fn events(rng: &mut Rng) -> Vec<String> {
    let mut plot = Plot {
        told: Vec::new(),
        second: 0,
        rng,
    };
    for entity in 0..2 + plot.rng.below(4) {
        match plot.rng.below(8) {
            0 | 1 => plot.order(entity),
            2 => plot.user(entity),
            3 => plot.charged_back_debit(entity),
            4 => plot.unknown(entity),
            _ => {
                let row = &CATEGORIES[plot.rng.below(CATEGORIES.len())];
                plot.life(row, entity);
            }
        }
    }
    plot.told
}

struct Plot<'r> {
    told: Vec<String>,
    /// Counts the seconds of the story so far.
    second: usize,
    rng: &'r mut Rng,
}

/// Pairs a state that an event type names with the object's status at that time, if it has one.
type Stage = (&'static str, Option<&'static str>);

impl Plot<'_> {
    fn order(&mut self, number: usize) {
        let id = format!("order-{number}");
        if self.rng.chance(200) {
            self.executions(&id);
        }
        let reached = 1 + self.rng.below(3);
        for status in ["NEW", "PROCESSING", "FILLED"].into_iter().take(reached) {
            self.tell(&format!("ORDER.{status}"), &json!({ "id": id, "status": status }));
        }
        self.executions(&id);
        if self.rng.chance(200) {
            let object = json!({ "order_id": id, "status": "REJECTED", "reason": "too late" });
            self.tell("ORDER_CANCELLATION.REJECTED", &object);
        }
        if self.rng.chance(100) {
            self.tell("ORDER.PROCESSING", &json!({ "id": id, "status": "PROCESSING" }));
        }
    }

    fn executions(&mut self, order_id: &str) {
        for execution in 0..self.rng.below(3) {
            let id = format!("{order_id}-execution-{execution}");
            let reached = 1 + self.rng.below(2);
            for status in ["FILLED", "SETTLED"].into_iter().take(reached) {
                let object = json!({
                    "id": id, "order_id": order_id, "status": status,
                    "share_quantity": self.decimal(), "cash_amount": self.decimal(),
                });
                self.tell(&format!("EXECUTION.{status}"), &object);
            }
        }
    }

    fn user(&mut self, number: usize) {
        let id = format!("user-{number}");
        self.tell("USER.CREATED", &json!({ "id": id, "status": "INACTIVE" }));
        for (check_type, status) in [("KYC", "PASSED"), ("INSTRUMENT_FIT", "FAILED")] {
            let check_id = format!("{id}-{check_type}");
            let object = json!({ "id": check_id, "user_id": id, "type": check_type, "status": status });
            self.tell(&format!("USER_CHECK.{status}"), &object);
        }
        if self.rng.chance(700) {
            self.tell("USER.ACTIVATED", &json!({ "id": id, "status": "ACTIVE" }));
        }
    }

    fn charged_back_debit(&mut self, number: usize) {
        let (id, group, amount) = (
            format!("direct_debit-{number}"),
            format!("account_group-{number}"),
            self.decimal(),
        );
        for status in ["NEW", "PROCESSING", "CONFIRMED"] {
            let object =
                json!({ "id": id, "account_group_id": group, "cash_amount": amount, "status": status });
            self.tell(&format!("DIRECT_DEBIT.{status}"), &object);
        }
        for (line, line_type) in ["SEPA_DIRECT_DEBIT", "SEPA_DIRECT_DEBIT_CHARGE_BACK"]
            .into_iter()
            .enumerate()
        {
            let object = json!({
                "id": format!("{id}-line-{line}"), "account_group_id": group, "type": line_type,
                "delta": { "amount": amount, "currency": "EUR" },
                "references": [{ "type": "DIRECT_DEBIT", "id": id }],
            });
            self.tell("CASH_TRANSACTION.EXECUTED", &object);
        }
        let object = json!({
            "account_group_id": group, "currency": "EUR", "balance": self.decimal(),
            "available_for_trading": self.decimal(),
        });
        self.tell("CASH_BALANCE.UPDATED", &object);
    }

    fn unknown(&mut self, number: usize) {
        for state in ["BORN", "GROWN"] {
            let object = json!({ "id": format!("dragon-{number}") });
            self.tell(&format!("DRAGON.{state}"), &object);
        }
    }

    /// Tells the life of an entity, or of a part of one, as far as it got.
    fn life(&mut self, row: &'static Category, number: usize) {
        for (state, status) in self.stages(row) {
            let event_type = if row.is_whole() {
                format!("{}.{state}", row.name)
            } else {
                row.name.to_owned()
            };
            let object = self.object(row, number, status);
            self.tell(&event_type, &object);
        }
    }

    fn stages(&mut self, row: &'static Category) -> Vec<Stage> {
        let mut stages: Vec<Stage> = Vec::new();
        let reached = 1 + self.rng.below(row.lifecycle.len());
        for (at, step) in row.lifecycle.iter().take(reached).enumerate() {
            let state = self.one_of(step.names);
            let status = match row.statuses {
                [] => state,
                steps => self.one_of(steps[at.min(steps.len() - 1)].names),
            };
            stages.push((state, Some(status)));
        }
        if !row.notices.is_empty() {
            for _ in 0..2 {
                let at = self.rng.below(stages.len() + 1);
                let status = at.checked_sub(1).and_then(|before| stages[before].1);
                let notice = &row.notices[self.rng.below(row.notices.len())];
                stages.insert(at, (self.one_of(notice.names), status));
            }
        }
        if row.is_whole() && self.rng.chance(ODDITY) {
            let at = self.rng.below(stages.len() + 1);
            stages.insert(at, (UNKNOWN_STATE, None));
        }
        if stages.is_empty() {
            stages.push(("CREATED", None));
        }
        stages
    }

    fn object(&mut self, row: &Category, number: usize, status: Option<&str>) -> Value {
        let mut object = json!({});
        for &field in row.key {
            let value = match field {
                "instrument.uuid" => format!("instrument-{}", self.rng.below(2)),
                "currency" => self.one_of(&["EUR", "GBP"]).to_owned(),
                "date" => self.one_of(&["2026-01-01", "2026-01-02"]).to_owned(),
                field if row.key.len() > 1 => format!("{field}-{number}"),
                _ => format!("{}-{number}", row.entity.to_lowercase()),
            };
            set(&mut object, field, value);
        }
        if let Role::Part {
            id_field: Some(field),
            ..
        } = row.role
        {
            let id = format!("{}-{number}-{}", row.name.to_lowercase(), self.rng.below(2));
            set(&mut object, field, id);
        }
        for field in figures(row) {
            let decimal = self.decimal();
            set(&mut object, field, decimal);
        }
        if let Some(status) = status {
            let unknown = self.rng.chance(ODDITY);
            set(&mut object, "status", if unknown { "TELEPORTED" } else { status });
        }
        match row.name {
            "CASH_TRANSACTION" | "SECURITY_TRANSACTION" => {
                let line_types = ["TOPUP", "ORDER_EXECUTION", "ORDER_EXECUTION_CANCELLATION"];
                set(&mut object, "type", self.one_of(&line_types));
            }
            "REPORT" => set(&mut object, "substituted_report_id", "report-0"),
            "USER_CHECK" | "BUSINESS_CHECK" => set(&mut object, "type", "KYC"),
            _ => {}
        }
        if self.rng.chance(ODDITY) {
            lose_key(&mut object, row);
        }
        object
    }

    fn decimal(&mut self) -> String {
        if self.rng.chance(ODDITY) {
            return "ten".to_owned();
        }
        format!("{}.{:03}", self.rng.below(100), self.rng.below(1000))
    }

    fn one_of(&mut self, choices: &[&'static str]) -> &'static str {
        choices[self.rng.below(choices.len())]
    }

    fn tell(&mut self, event_type: &str, object: &Value) {
        let number = self.told.len();
        // Upvest's samples mostly have whole seconds, and several events of a lifecycle in one of them.
        if !self.rng.chance(500) {
            self.second += 1;
        }
        let (minute, second) = (self.second / 60 % 60, self.second % 60);
        let fraction = match self.rng.below(3) {
            0 => format!(".{:09}", self.rng.below(1_000_000_000)),
            _ => String::new(),
        };
        // Ids say nothing of the order.
        let id = self.rng.draw() % 1_000_000;
        self.told.push(format!(
            r#"{{"id":"event-{id}-{number}","created_at":"2026-01-01T00:{minute:02}:{second:02}{fraction}Z","type":"{event_type}","object":{object}}}"#
        ));
    }
}

/// Names the decimals that objects of a category have.
fn figures(row: &Category) -> &'static [&'static str] {
    match (row.name, row.domain) {
        ("EXECUTION", _) => &["share_quantity", "cash_amount"],
        ("CASH_BALANCE", _) => &["balance", "available_for_trading"],
        ("POSITION", _) => &["quantity", "available_for_trading"],
        ("ACCOUNT_RETURNS", _) => &["twr.daily"],
        ("WITHDRAWAL" | "VIRTUAL_CASH_INCREASE" | "VIRTUAL_CASH_DECREASE", _) => &["amount"],
        (_, Domain::Payments | Domain::Portfolios) => &["cash_amount"],
        (_, Domain::Ledger) => &["delta.amount"],
        ("FEE_COLLECTION" | "TAX_COLLECTION", _) => &[
            "collection_amount",
            "processed_amount.cash_balance",
            "processed_amount.sell_to_cover",
        ],
        _ => &[],
    }
}

/// Sets the value at a path like `instrument.uuid`.
fn set(object: &mut Value, path: &str, value: impl Into<Value>) {
    let place = path.split('.').fold(object, |place, field| &mut place[field]);
    *place = value.into();
}

/// Takes a field of its entity's key from an object, and leaves a note in its place.
fn lose_key(object: &mut Value, row: &Category) {
    let path = row.key.last().copied().unwrap_or_default();
    if let Some(fields) = object.as_object_mut() {
        fields.remove(path.split('.').next().unwrap_or(path));
        fields.insert("lost".to_owned(), path.into());
    }
}
