"""Numbered migrations, and the check that a file has the schema they make."""
