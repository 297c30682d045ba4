"""Imports of sessions from other tools' files into a store."""
