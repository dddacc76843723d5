#!/bin/sh
# Compiles the packages of this workspace so that libFuzzer sees which way an input goes; `make fuzz` has Cargo call it
# in place of rustc (RUSTC_WORKSPACE_WRAPPER). All flags are stable ones.
exec "$@" -C passes=sancov-module \
    -C llvm-args=-sanitizer-coverage-level=4 \
    -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
    -C llvm-args=-sanitizer-coverage-pc-table \
    -C llvm-args=-sanitizer-coverage-trace-compares
