//! Upvest webhook events, categories, entity keys and signatures: pure, no I/O.
