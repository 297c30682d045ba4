"""Maintenance of a file: verify, backup, restore, erase, prune, compact, migrate.

`api` has the methods of an open store; the other modules do the work. Saves and loads need none of
them, except that loads with `on_damage="report"` use `partial_read`.
"""
