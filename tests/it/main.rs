//! In-process and end-to-end tests.
