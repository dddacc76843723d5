//! Money of generated stories: deposits, direct debits, withdrawals, and what the ledger and the balance say of them.

use serde_json::{Value, json};

use super::story::{Draft, Investor, Scene, decimal};

impl Scene {
    pub(super) fn deposit(&mut self, investor: &Investor, now: &str) -> Vec<Draft> {
        let (id, reference, amount) = (self.uuid(), self.uuid(), self.amount());
        let topup = |status: &str| {
            json!({
                "id": id, "account_group_id": investor.account_group_id, "settlement_reference": reference,
                "cash_amount": amount, "currency": "EUR", "created_at": now, "status": status
            })
        };
        vec![
            Draft::new("TOPUP.CONFIRMED", topup("CONFIRMED")),
            Draft::new("TOPUP.SETTLED", topup("SETTLED")),
            self.cash_transaction(investor, now, ("TOPUP", &amount), ("TOPUP", &id)),
            self.cash_balance(investor),
        ]
    }

    /// Tells of a direct debit; the payer's bank takes every third one back.
    pub(super) fn direct_debit(&mut self, investor: &Investor, now: &str) -> Vec<Draft> {
        let (id, mandate_id, amount) = (self.uuid(), self.uuid(), self.amount());
        let debit = |status: &str| {
            json!({
                "id": id, "created_at": now, "user_id": investor.user_id,
                "account_group_id": investor.account_group_id, "mandate_id": mandate_id, "cash_amount": amount,
                "currency": "EUR", "remittance_information": "monthly savings", "status": status
            })
        };
        let reference = ("DIRECT_DEBIT", id.as_str());
        let mut story = vec![
            Draft::new("DIRECT_DEBIT.NEW", debit("NEW")),
            Draft::new("DIRECT_DEBIT.PROCESSING", debit("PROCESSING")),
            Draft::new("DIRECT_DEBIT.CONFIRMED", debit("CONFIRMED")),
            self.cash_transaction(investor, now, ("SEPA_DIRECT_DEBIT", &amount), reference),
            self.cash_balance(investor),
        ];
        if self.random.u8(..3) == 0 {
            let back = format!("-{amount}");
            let booked = ("SEPA_DIRECT_DEBIT_CHARGE_BACK", back.as_str());
            story.push(self.cash_transaction(investor, now, booked, reference));
            story.push(self.cash_balance(investor));
        }
        story
    }

    pub(super) fn withdrawal(&mut self, investor: &Investor, now: &str) -> Vec<Draft> {
        let (id, reference_account_id, amount) = (self.uuid(), self.uuid(), self.amount());
        let withdrawal = |status: &str| {
            json!({
                "id": id, "created_at": now, "updated_at": now, "reference_account_id": reference_account_id,
                "account_group_id": investor.account_group_id, "user_id": investor.user_id, "amount": amount,
                "currency": "EUR", "remittance_information": "Withdrawal", "status": status
            })
        };
        vec![
            Draft::new("WITHDRAWAL.NEW", withdrawal("NEW")),
            Draft::new("WITHDRAWAL.PROCESSING", withdrawal("PROCESSING")),
            Draft::new("WITHDRAWAL.CONFIRMED", withdrawal("CONFIRMED")),
            self.cash_transaction(
                investor,
                now,
                ("WITHDRAWAL", &format!("-{amount}")),
                ("WITHDRAWAL", &id),
            ),
            self.cash_balance(investor),
        ]
    }

    pub(super) fn fee_collection(&mut self, investor: &Investor, now: &str) -> Vec<Draft> {
        let amount = self.small_amount();
        let object = json!({
            "id": self.uuid(), "created_at": now, "updated_at": now,
            "account_group_id": investor.account_group_id, "account_id": investor.account_id,
            "type": "SERVICE_FEE", "collection_amount": amount, "currency": "EUR", "status": "PROCESSING",
            "processed_amount": {"cash_balance": "0", "sell_to_cover": "0"},
            "period_start": "2025-12-01", "period_end": "2025-12-31"
        });
        let types = ["FEE_COLLECTION.CREATED", "FEE_COLLECTION.FINALISED"];
        self.collection(investor, now, types, object)
    }

    pub(super) fn tax_collection(&mut self, investor: &Investor, now: &str) -> Vec<Draft> {
        let amount = self.small_amount();
        let object = json!({
            "id": self.uuid(), "created_at": now, "updated_at": now,
            "account_group_id": investor.account_group_id, "type": "TAX_PREPAYMENT_DE",
            "instrument": self.instrument(), "collection_amount": {"amount": amount, "currency": "EUR"},
            "processed_amount": {"cash_balance": "0", "sell_to_cover": "0"}, "status": "PROCESSING"
        });
        let types = ["TAX_COLLECTION.CREATED", "TAX_COLLECTION.FINALISED"];
        self.collection(investor, now, types, object)
    }

    /// Tells what a fee and a tax have in common: `object` is created, then all of its amount comes from the cash
    /// balance.
    fn collection(
        &mut self,
        investor: &Investor,
        now: &str,
        [created, finalised]: [&'static str; 2],
        object: Value,
    ) -> Vec<Draft> {
        let whole = &object["collection_amount"];
        let amount = whole
            .as_str()
            .or_else(|| whole["amount"].as_str())
            .unwrap_or_default();
        let booked = format!("-{amount}");
        let kind = created.split('.').next().unwrap_or(created);
        let id = object["id"].as_str().unwrap_or_default().to_owned();
        let mut done = object.clone();
        done["status"] = json!("FINALISED");
        done["processed_amount"]["cash_balance"] = json!(amount);
        vec![
            Draft::new(created, object),
            self.cash_transaction(investor, now, (kind, &booked), (kind, &id)),
            self.cash_balance(investor),
            Draft::new(finalised, done),
        ]
    }

    /// Makes a line of the ledger that books `amount`, and refers to what it is for by kind and id.
    pub(super) fn cash_transaction(
        &mut self,
        investor: &Investor,
        now: &str,
        (kind, amount): (&str, &str),
        (reference, id): (&str, &str),
    ) -> Draft {
        let object = json!({
            "id": self.uuid(), "type": kind, "account_group_id": investor.account_group_id,
            "booking_date": now, "value_date": now, "delta": {"amount": amount, "currency": "EUR"}, "taxes": [],
            "references": [{"id": id, "type": reference}], "created_at": now, "updated_at": now
        });
        Draft::new("CASH_TRANSACTION.EXECUTED", object)
    }

    pub(super) fn cash_balance(&mut self, investor: &Investor) -> Draft {
        let balance = self.amount();
        let object = json!({
            "account_group_id": investor.account_group_id, "currency": "EUR", "balance": balance,
            "locked_for_trading": "0", "pending_settlement": "0", "available_for_withdrawal": balance,
            "available_for_trading": balance
        });
        Draft::new("CASH_BALANCE.UPDATED", object)
    }

    pub(super) fn amount(&mut self) -> String {
        decimal(self.random.u64(100..500_000), 2)
    }

    fn small_amount(&mut self) -> String {
        decimal(self.random.u64(1..2_000), 2)
    }
}
