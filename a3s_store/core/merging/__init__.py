"""Merge two versions of a session that grew from a common one. No I/O."""
