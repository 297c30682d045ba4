"""Describe the damage of a file as a whole: of its header, its WAL, and pages of tables."""

from __future__ import annotations

from typing import Final

from a3s_store.backends.sqlite.salvage import row_recovery
from a3s_store.backends.sqlite.salvage.page_reader import Image
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.core.reports import Damage

# How many lost pages of a table the report names.
_MOST_NAMED: Final = 20


def of_file(image: Image) -> list[Damage]:
    """Return the damage of a file's header and of its WAL."""
    damage = []
    if not image.has_header():
        damage.append(Damage(part="file", what="its header is damaged"))
    elif (version := int.from_bytes((image.page(1) or b"")[60:64], "big")) > migrate.newest():
        what = f"its header says schema {version}, this release knows up to {migrate.newest()}"
        damage.append(Damage(part="schema", what=what))
    if image.log.is_damaged:
        what = f"it is damaged; {image.log.lost} committed pages in it are lost"
        damage.append(Damage(part="wal", what=what))
    return damage


def of_tables(recovered: row_recovery.RecoveredRows) -> list[Damage]:
    """Return the pages and rows that are lost, table by table."""
    damage = []
    for table, pages in recovered.lost_pages.items():
        known = [str(page) for page in sorted(pages) if page]
        named = f"pages {', '.join(known[:_MOST_NAMED])}" if known else "its first page"
        more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
        damage.append(Damage(part="file", what=f"table {table}: {named}{more} cannot be read"))
    for table, count in recovered.lost_rows.items():
        damage.append(Damage(part="file", what=f"table {table}: {count} rows cannot be read"))
    return damage
