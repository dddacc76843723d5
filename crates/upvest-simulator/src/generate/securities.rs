//! Securities of generated stories: portfolios, savings plans, transfers, valuations, and the instruments themselves.

use serde_json::{Value, json};

use super::order::INSTRUMENTS;
use super::story::{Draft, Investor, Scene, decimal};

impl Scene {
    pub(super) fn portfolio_order(&mut self, investor: &Investor, now: &str) -> Vec<Draft> {
        let (id, allocation_id, amount) = (self.uuid(), self.uuid(), self.amount());
        let (first, second) = (self.uuid(), self.uuid());
        let order = |status: &str, parts: &str| {
            let orders = [&first, &second].map(|id| json!({"id": id, "side": "BUY", "status": parts}));
            json!({
                "id": id, "created_at": now, "updated_at": now, "user_id": investor.user_id,
                "account_id": investor.account_id, "allocation_id": allocation_id, "type": "BUY",
                "cash_amount": amount, "currency": "EUR", "status": status, "post_tax": false,
                "orders": orders
            })
        };
        let allocation = json!({
            "id": allocation_id, "created_at": now, "updated_at": now, "name": "Balanced", "allocation": [
                {"instrument_id": INSTRUMENTS[1], "instrument_id_type": "ISIN", "weight": "0.7"},
                {"instrument_id": INSTRUMENTS[5], "instrument_id_type": "ISIN", "weight": "0.3"}
            ]
        });
        vec![
            Draft::new("PORTFOLIO_ALLOCATION.CREATED", allocation),
            Draft::new("PORTFOLIO_ORDER.NEW", order("NEW", "NEW")),
            Draft::new("PORTFOLIO_ORDER.PROCESSING", order("PROCESSING", "PROCESSING")),
            Draft::new("PORTFOLIO_ORDER.FILLED", order("FILLED", "FILLED")),
            self.cash_balance(investor),
            Draft::new("PORTFOLIO_ORDER.SETTLED", order("SETTLED", "FILLED")),
        ]
    }

    pub(super) fn savings_plan(&mut self, investor: &Investor, now: &str) -> Vec<Draft> {
        let (id, plan_id, amount) = (self.uuid(), self.uuid(), self.amount());
        let plan = json!({
            "id": plan_id, "created_at": now, "updated_at": now, "user_id": investor.user_id,
            "account_id": investor.account_id, "type": "INSTRUMENT", "instrument_id": INSTRUMENTS[1],
            "instrument_id_type": "ISIN", "cash_amount": amount, "currency": "EUR", "start_date": "2026-01-09",
            "period": "MONTH", "interval": 1, "status": "ACTIVE"
        });
        let execution = |status: &str| {
            json!({
                "id": id, "created_at": now, "updated_at": now, "savings_plan_id": plan_id,
                "user_id": investor.user_id, "account_id": investor.account_id, "cash_amount": amount,
                "currency": "EUR", "execution_date": "2026-01-09", "status": status
            })
        };
        vec![
            Draft::new("SAVINGS_PLAN.CREATED", plan),
            Draft::new("SAVINGS_PLAN_EXECUTION.NEW", execution("NEW")),
            Draft::new("SAVINGS_PLAN_EXECUTION.REMINDER", execution("NEW")),
            Draft::new("SAVINGS_PLAN_EXECUTION.PROCESSING", execution("PROCESSING")),
            Draft::new("SAVINGS_PLAN_EXECUTION.FILLED", execution("FILLED")),
            self.cash_balance(investor),
            Draft::new("SAVINGS_PLAN_EXECUTION.SETTLED", execution("SETTLED")),
        ]
    }

    pub(super) fn securities_transfer(&mut self, investor: &Investor, now: &str) -> Vec<Draft> {
        let (id, instrument, quantity) = (self.uuid(), self.instrument(), self.quantity());
        let transfer = |status: &str| {
            json!({
                "id": id, "created_at": now, "updated_at": now, "user_id": investor.user_id,
                "account_id": investor.account_id, "direction": "INCOMING",
                "instrument_id": instrument["isin"], "instrument_id_type": "ISIN", "quantity": quantity,
                "counterparty": {"account_number": "0000000001"}, "status": status
            })
        };
        let line = json!({
            "id": self.uuid(), "type": "SECURITIES_TRANSFER", "account_group_id": investor.account_group_id,
            "account_id": investor.account_id, "booking_date": now, "value_date": now,
            "delta": {"amount": quantity}, "instrument": instrument,
            "references": [{"id": id, "type": "SECURITIES_TRANSFER"}], "created_at": now, "updated_at": now
        });
        let position = json!({
            "account_id": investor.account_id, "instrument": instrument, "quantity": quantity,
            "locked_for_trading": "0", "pending_settlement": "0", "available_for_trading": quantity
        });
        vec![
            Draft::new("SECURITIES_TRANSFER.NEW", transfer("NEW")),
            Draft::new("SECURITIES_TRANSFER.PROCESSING", transfer("PROCESSING")),
            Draft::new("SECURITIES_TRANSFER.SETTLED", transfer("SETTLED")),
            Draft::new("SECURITY_TRANSACTION.EXECUTED", line),
            Draft::new("POSITION.UPDATED", position),
        ]
    }

    /// Tells of a dividend: announced, announced in more detail, paid.
    pub(super) fn corporate_action(&mut self, investor: &Investor, now: &str) -> Vec<Draft> {
        let (id, instrument, amount) = (self.uuid(), self.instrument(), self.amount());
        let action = |function: &str, status: &str| {
            json!({
                "id": id, "iso_type": "DVCA", "instrument": instrument, "announcement_status": status,
                "function_of_message": function, "payment_date": "2026-01-13"
            })
        };
        let announced = action("NEW", "PRELIMINARY_ANNOUNCEMENT_CONFIRMED");
        let confirmed = action("REPLACEMENT", "ANNOUNCEMENT_CONFIRMED");
        let reference = ("CORPORATE_ACTION", id.as_str());
        vec![
            Draft::new("CORPORATE_ACTION.UPDATED", announced),
            Draft::new("CORPORATE_ACTION.UPDATED", confirmed),
            self.cash_transaction(investor, now, ("CASH_DIVIDEND", &amount), reference),
            self.cash_balance(investor),
        ]
    }

    pub(super) fn instrument_news(&mut self, now: &str) -> Vec<Draft> {
        let instrument = self.instrument();
        let object = |status: &str, fractional: bool| {
            json!({
                "id": instrument["uuid"], "created_at": now, "updated_at": now, "isin": instrument["isin"],
                "name": "Example share", "fractional_trading": fractional, "trading_status": status
            })
        };
        let (opened, closed) = (object("ACTIVE", true), object("INACTIVE", true));
        vec![
            Draft::new("INSTRUMENT.ACTIVATED", object("ACTIVE", false)),
            Draft::new("INSTRUMENT.FRACTIONAL_TRADING_ENABLED", opened),
            Draft::new("INSTRUMENT.DEACTIVATED", closed),
        ]
    }

    pub(super) fn valuations(&mut self, investor: &Investor, now: &str) -> Vec<Draft> {
        let instrument = self.instrument();
        let mut valuation = |quality: &str| {
            let value = json!({"amount": self.amount(), "currency": "EUR"});
            json!({
                "id": self.uuid(), "created_at": now, "updated_at": now, "valuation_time": now,
                "account_id": investor.account_id, "price_quality": quality, "total_security_value": value,
                "security_positions": [
                    {"instrument": instrument, "value": value, "quantity": self.quantity(), "weight": "1"}
                ]
            })
        };
        let (intraday, end_of_day) = (valuation("REAL_TIME"), valuation("EOD"));
        let returns = json!({
            "account_id": investor.account_id, "date": format!("{}T00:00:00Z", &now[..10]),
            "twr": {
                "daily": decimal(self.random.u64(..100_000), 7),
                "cumulative": decimal(self.random.u64(..900_000), 7),
                "cumulative_start_date": "2026-01-01T00:00:00Z"
            }
        });
        vec![
            Draft::new("INTRADAY_ACCOUNT_VALUATION.CREATED", intraday),
            Draft::new("ACCOUNT_VALUATION.CREATED", end_of_day),
            Draft::new("ACCOUNT_RETURNS.CREATED", returns),
        ]
    }

    /// Picks one of the instruments, as positions and ledger lines name it.
    pub(super) fn instrument(&mut self) -> Value {
        let at = self.random.usize(..INSTRUMENTS.len());
        json!({"isin": INSTRUMENTS[at], "uuid": format!("1a5712a0-0000-4000-8000-{at:012}")})
    }

    fn quantity(&mut self) -> String {
        decimal(self.random.u64(1..50_000), 3)
    }
}
