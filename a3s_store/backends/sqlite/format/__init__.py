"""Bytes on disk: WAL frames, copies and renames of files."""
