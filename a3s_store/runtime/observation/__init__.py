"""Events, hooks and telemetry of a live session."""
