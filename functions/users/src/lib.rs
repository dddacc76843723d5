//! Projects users and their due-diligence checks.
