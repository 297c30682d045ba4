"""Salvage: recover the readable data of a damaged store file into a new file.

`wal_merge`, `page_reader` and `records` read the bytes of the file and its WAL as pages and rows;
`row_recovery` assigns the rows to the tables that `stored_tables` describes; `relink` restores
rows that follow from others; `session_recovery` reads sessions and checkpoints from them, and `run`
saves these through the ordinary save.
"""

from a3s_store.backends.sqlite.salvage.run import salvage

__all__ = ["salvage"]
