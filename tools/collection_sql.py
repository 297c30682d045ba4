"""The SQL that makes the tables of a collection, from its row in the registry.

    python -m tools.collection_sql NAME   # print what belongs into the collection's numbered file

The file is written once: a number that was released is never edited.
"""

from __future__ import annotations

import argparse
from typing import Final

from a3s_store.backends.sqlite.rows.statements import is_packed
from a3s_store.core.collections import COLLECTIONS, Collection, TableLayout
from a3s_store.core.columns import SQL_TYPES, shape

# A packed key is the parent's times 2^32, plus the position.
_PACKED: Final = (
    "{table}_key INTEGER PRIMARY KEY",
    "{parent}_key INTEGER AS ({table}_key >> 32)",
    "seq INTEGER AS ({table}_key & 4294967295)",
)
_KEYED: Final = (
    "{table}_key INTEGER PRIMARY KEY",
    "{parent}_key INTEGER NOT NULL REFERENCES {parent} ON DELETE CASCADE",
    "seq INTEGER NOT NULL",
)
# Packed rows have no foreign key: this deletes them with their parent.
_CASCADE: Final = """\
CREATE TRIGGER {table}_cascade AFTER DELETE ON {parent} BEGIN
    DELETE FROM {table}
    WHERE {table}_key >= old.{parent}_key << 32
    AND {table}_key < (old.{parent}_key + 1) << 32;
END;
"""
_BLOB_INDEX: Final = """\
CREATE INDEX {table}_by_blob ON {table} (blob_key)
WHERE blob_key IS NOT NULL;
"""


def create_sql(collection: Collection) -> str:
    """Return the statements that make the tables of a collection, with their cascades."""
    return "\n".join(_statements(collection.rows, "owner"))


def _statements(rows: TableLayout, parent: str) -> list[str]:
    packed = is_packed(rows)
    names = {"table": rows.table, "parent": parent}
    lines = [line.format(**names) for line in (_PACKED if packed else _KEYED)]
    for column in shape(rows).columns:
        # An integer beyond 63 bits lies in `extra`, and NULL in its column.
        nullable = column.may_be_null or column.name == rows.blob
        lines.append(f"{column.name} {SQL_TYPES[column.kind]}{'' if nullable else ' NOT NULL'}")
    if rows.lists:
        lines.append("digest BLOB NOT NULL")
        for name in rows.lists:
            lines += [f"{name}_count INTEGER NOT NULL", f"{name}_digest BLOB NOT NULL"]
    else:
        lines.append("digest_prefix INTEGER NOT NULL")
    if rows.blob:
        lines.append("blob_key INTEGER REFERENCES blob")
    lines.append("checksum INTEGER")
    if not packed:
        lines.append(f"UNIQUE ({parent}_key, seq)")
    body = ",\n".join(f"    {line}" for line in lines)
    made = [f"CREATE TABLE {rows.table} (\n{body}\n) STRICT;\n"]
    if packed:
        made.append(_CASCADE.format(**names))
    if rows.blob:
        made.append(_BLOB_INDEX.format(**names))
    for inside in rows.lists.values():
        made += _statements(inside, rows.table)
    return made


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tools.collection_sql")
    parser.add_argument("name", choices=[one.name for one in COLLECTIONS])
    name = parser.parse_args().name
    (chosen,) = (one for one in COLLECTIONS if one.name == name)
    print(create_sql(chosen))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
