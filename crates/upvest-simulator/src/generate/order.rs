//! Orders of generated stories.

use serde_json::{Value, json};

use super::story::{Draft, Investor, Scene, decimal};

pub(super) const INSTRUMENTS: [&str; 6] = [
    "US0378331005",
    "IE00B0M62Q58",
    "DE0007664005",
    "FR0010524777",
    "US5949181045",
    "IE00B4L5Y983",
];
/// Bounds the prices of orders, in cents: 10.00 to 300.00.
const PRICES: std::ops::Range<u64> = 1_000..30_000;

/// Describes an order to buy; quantities are thousandths of a share, prices cents.
pub(super) struct Order<'a> {
    id: String,
    investor: &'a Investor,
    created_at: &'a str,
    instrument: &'static str,
    pub(super) milli_shares: u64,
    price: u64,
}

impl<'a> Order<'a> {
    pub(super) fn draw(scene: &mut Scene, investor: &'a Investor, created_at: &'a str) -> Self {
        Self {
            id: scene.uuid(),
            investor,
            created_at,
            instrument: INSTRUMENTS[scene.random.usize(..INSTRUMENTS.len())],
            milli_shares: scene.random.u64(1..50_000),
            price: scene.random.u64(PRICES),
        }
    }

    /// Computes what so many thousandths of a share cost, rounded down to cents.
    fn cash(&self, milli_shares: u64) -> String {
        decimal(milli_shares * self.price / 1_000, 2)
    }

    pub(super) fn object(&self, status: &str, executions: &[Value]) -> Value {
        json!({
            "id": self.id, "created_at": self.created_at, "updated_at": self.created_at,
            "user_id": self.investor.user_id, "account_id": self.investor.account_id,
            "cash_amount": self.cash(self.milli_shares), "currency": "EUR", "side": "BUY",
            "instrument_id": self.instrument, "instrument_id_type": "ISIN", "order_type": "MARKET",
            "quantity": decimal(self.milli_shares, 3), "user_instrument_fit_acknowledgement": true,
            "limit_price": "", "stop_price": "", "status": status, "fee": "0", "executions": executions,
            "client_reference": "", "initiation_flow": "API"
        })
    }

    pub(super) fn execution(&self, id: &str, milli_shares: u64) -> Value {
        json!({
            "id": id, "order_id": self.id, "cash_amount": self.cash(milli_shares), "currency": "EUR",
            "share_quantity": decimal(milli_shares, 3), "price": decimal(self.price, 2), "side": "BUY",
            "status": "FILLED", "taxes": [{"type": "TOTAL", "amount": "0"}],
            "transaction_time": self.created_at
        })
    }

    pub(super) fn rejected_cancellation(&self) -> Draft {
        let object = json!({
            "order_id": self.id, "status": "REJECTED", "reason": "Cancellation not possible"
        });
        Draft::new("ORDER_CANCELLATION.REJECTED", object)
    }
}
