//! Simulation and end-to-end tests through the public interfaces.
