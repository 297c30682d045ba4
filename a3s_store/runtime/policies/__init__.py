"""Permissions, confirmations, and one call of a tool under them."""
