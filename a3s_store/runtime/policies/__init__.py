"""Permissions, confirmation by a human, and calls of tools that respect them."""
