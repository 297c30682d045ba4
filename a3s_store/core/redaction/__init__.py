"""Removing secrets from values before they are written."""
