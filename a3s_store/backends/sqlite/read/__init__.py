"""Reading sessions, messages and lists of sessions."""
