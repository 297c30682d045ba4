"""Fault-injection campaigns: one module with `run(subject, seed, size)` each."""
