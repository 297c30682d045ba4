"""Saving a live session, and restoring one."""
