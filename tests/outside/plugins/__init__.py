"""Plugins of pytest, and programs, for environments of peers; each is a module by itself."""
