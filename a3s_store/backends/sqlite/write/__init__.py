"""Writing a batch in one transaction."""
