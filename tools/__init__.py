"""Checks of the code base itself, called by tests and by hand; not installed."""
