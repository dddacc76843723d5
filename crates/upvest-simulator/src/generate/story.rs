//! The stories that generated events tell, in objects of the shapes that Upvest's specification gives.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::order::Order;

const FIRST_NAMES: [&str; 6] = ["Erika", "Max", "Lieschen", "Otto", "Jane", "John"];
const LAST_NAMES: [&str; 4] = ["Mustermann", "Beispiel", "Placeholder", "Doe"];
const MOST_USERS: usize = 500;

/// Holds an event before it occurred.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) event_type: &'static str,
    object: Value,
}

impl Draft {
    pub(super) fn new(event_type: &'static str, object: Value) -> Self {
        Self { event_type, object }
    }

    /// Returns the object as it is when the event occurs: an `updated_at` in it is that time.
    pub(super) fn object_at(mut self, now: Timestamp) -> Value {
        if let Some(updated_at) = self.object.get_mut("updated_at") {
            *updated_at = json!(now.to_string());
        }
        self.object
    }
}

#[derive(Debug, Clone)]
pub(super) struct Investor {
    pub(super) user_id: String,
    pub(super) account_id: String,
    pub(super) account_group_id: String,
}

/// Holds the investors whom the stories are about, and the source of chance.
pub(super) struct Scene {
    pub(super) random: fastrand::Rng,
    investors: Vec<Investor>,
}

/// Names the day on which generated time begins.
pub(super) fn first_day() -> Timestamp {
    // 2026-01-05, a Monday, at eight o'clock UTC.
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 20_458 + 8)
}

impl Scene {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            investors: Vec::new(),
        }
    }

    pub(super) fn uuid(&mut self) -> String {
        let bytes = self.random.u128(..).to_be_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    pub(super) fn next_story(&mut self, now: Timestamp) -> Vec<Draft> {
        let now = now.to_string();
        let newcomer = self.investors.len() < MOST_USERS && self.random.u8(..100) < 12;
        let Some(investor) = self.random.choice(&self.investors).cloned().filter(|_| !newcomer) else {
            return self.account_opening(&now);
        };
        match self.random.u8(..100) {
            0..48 => self.filled_order(&investor, &now),
            48..56 => self.cancelled_order(&investor, &now),
            56..62 => self.deposit(&investor, &now),
            62..66 => self.direct_debit(&investor, &now),
            66..71 => self.withdrawal(&investor, &now),
            71..75 => self.portfolio_order(&investor, &now),
            75..79 => self.savings_plan(&investor, &now),
            79..82 => self.fee_collection(&investor, &now),
            82..85 => self.tax_collection(&investor, &now),
            85..88 => self.securities_transfer(&investor, &now),
            88..91 => self.corporate_action(&investor, &now),
            91..93 => self.instrument_news(&now),
            93..96 => self.valuations(&investor, &now),
            _ => self.report(&investor, &now),
        }
    }

    fn account_opening(&mut self, now: &str) -> Vec<Draft> {
        let investor = Investor {
            user_id: self.uuid(),
            account_id: self.uuid(),
            account_group_id: self.uuid(),
        };
        let first_name = FIRST_NAMES[self.random.usize(..FIRST_NAMES.len())];
        let last_name = LAST_NAMES[self.random.usize(..LAST_NAMES.len())];
        let user = |status: &str| {
            json!({
                "id": investor.user_id, "created_at": now, "updated_at": now, "first_name": first_name,
                "last_name": last_name, "birth_date": "1990-01-01", "nationalities": ["DE"],
                "address": {"address_line1": "Musterstrasse", "address_line2": "1", "postcode": "12345",
                    "city": "Musterstadt", "country": "DE"},
                "status": status
            })
        };
        let check_id = self.uuid();
        let check = |status: &str| {
            json!({
                "id": check_id, "user_id": investor.user_id, "type": "KYC", "check_confirmed_at": now,
                "data_download_link": format!("https://files.example.invalid/kyc/{check_id}.zip"),
                "document_type": "ID_CARD", "document_expiration_date": "2031-12-31", "nationality": "DE",
                "provider": "EXAMPLE_IDENT", "method": "VIDEO_ID", "status": status
            })
        };
        let mut story = vec![
            Draft::new("USER.CREATED", user("INACTIVE")),
            Draft::new("USER_CHECK.CREATED", check("IN_PROGRESS")),
        ];
        if self.random.u8(..100) < 10 {
            story.push(Draft::new("USER_CHECK.FAILED", check("FAILED")));
            return story;
        }
        story.push(Draft::new("USER_CHECK.PASSED", check("PASSED")));
        story.push(Draft::new("USER.ACTIVATED", user("ACTIVE")));
        story.extend(accounts(&investor, now, self.investors.len()));
        self.investors.push(investor);
        story
    }

    fn filled_order(&mut self, investor: &Investor, now: &str) -> Vec<Draft> {
        let order = Order::draw(self, investor, now);
        let mut rest = order.milli_shares;
        let mut executions = Vec::new();
        while rest > 0 {
            let part = if executions.len() == 3 {
                rest
            } else {
                self.random.u64(1..=rest)
            };
            rest -= part;
            executions.push(order.execution(&self.uuid(), part));
        }
        let fills = executions
            .iter()
            .map(|object| Draft::new("EXECUTION.FILLED", object.clone()));
        let mut story = vec![
            Draft::new("ORDER.NEW", order.object("NEW", &[])),
            Draft::new("ORDER.PROCESSING", order.object("PROCESSING", &[])),
        ];
        match self.random.u8(..100) {
            0..10 => story.splice(0..0, fills).for_each(drop),
            10..20 => {
                story.push(order.rejected_cancellation());
                story.extend(fills);
            }
            _ => story.extend(fills),
        }
        story.push(Draft::new("ORDER.FILLED", order.object("FILLED", &executions)));
        story.push(self.cash_balance(investor));
        for mut object in executions {
            object["status"] = json!("SETTLED");
            story.push(Draft::new("EXECUTION.SETTLED", object));
        }
        story
    }

    fn cancelled_order(&mut self, investor: &Investor, now: &str) -> Vec<Draft> {
        let order = Order::draw(self, investor, now);
        let mut cancelled = order.object("CANCELLED", &[]);
        cancelled["cancellation_reason"] = json!("CANCELLED_BY_CLIENT");
        vec![
            Draft::new("ORDER.NEW", order.object("NEW", &[])),
            Draft::new("ORDER.PROCESSING", order.object("PROCESSING", &[])),
            Draft::new("ORDER.CANCELLED", cancelled),
        ]
    }

    fn report(&mut self, investor: &Investor, now: &str) -> Vec<Draft> {
        let object = json!({
            "id": self.uuid(), "created_at": now, "user_id": investor.user_id, "type": "BUY_ORDER",
            "substituted_report_id": null, "data": {"account": {"id": investor.account_id}}
        });
        vec![Draft::new("REPORT.CREATED", object)]
    }
}

fn accounts(investor: &Investor, now: &str, number: usize) -> [Draft; 3] {
    let owner = json!([{"id": investor.user_id, "type": "OWNER"}]);
    let account = |status: &str| {
        json!({
            "id": investor.account_id, "created_at": now, "updated_at": now,
            "account_group_id": investor.account_group_id, "type": "TRADING", "users": owner,
            "account_number": 1, "name": "Main account", "status": status
        })
    };
    let group = json!({
        "id": investor.account_group_id, "created_at": now, "updated_at": now, "type": "PERSONAL",
        "status": "ACTIVE", "users": owner, "securities_account_number": format!("9{number:08}")
    });
    [
        Draft::new("ACCOUNT_GROUP.CREATED", group),
        Draft::new("ACCOUNT.CREATED", account("PENDING_APPROVAL")),
        Draft::new("ACCOUNT.ACTIVATED", account("ACTIVE")),
    ]
}

pub(super) fn decimal(units: u64, digits: u32) -> String {
    let one = 10_u64.pow(digits);
    let width = digits as usize;
    format!("{}.{:0width$}", units / one, units % one)
}
