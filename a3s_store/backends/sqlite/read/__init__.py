"""Read sessions, messages and lists of sessions."""
