"""Events, hooks and telemetry of a live session, and results of tools and runs."""
