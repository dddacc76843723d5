//! The time, so that tests can decide what time it is: the same clock as that of the client of Upvest's API.

pub use upvest_api::Clock;
