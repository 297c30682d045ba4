"""A message that was edited together with its row checksum."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from a3s_store.backends.sqlite.format import row_salt
from a3s_store.core.checksums import message_checksums
from tests.support import database

_COLUMNS: Final = "chain_hash, role, reasoning_content, extra, content"


def forged(path: Path, old: str, new: str, seq: int) -> None:
    """Replace text in a message of the first branch and compute its checksum again."""
    with database(path) as conn:
        salt = row_salt.read(conn)
        conn.execute(
            "UPDATE message SET content = replace(content, ?, ?) WHERE branch_key = 1 AND seq = ?",
            (old, new, seq),
        )
        conn.text_factory = bytes
        row = conn.execute(
            f"SELECT {_COLUMNS} FROM message WHERE branch_key = 1 AND seq = ?", (seq,)
        ).fetchone()
        link, role, reasoning, extra, content = row
        (checksum,) = message_checksums(
            seq, [link], [role], [reasoning], [extra], [content], salt.seed(1)
        )
        conn.execute(
            "UPDATE message SET checksum = ? WHERE branch_key = 1 AND seq = ?", (checksum, seq)
        )
        conn.commit()
