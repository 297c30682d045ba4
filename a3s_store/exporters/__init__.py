"""Exports of sessions from a store into other tools' files."""
