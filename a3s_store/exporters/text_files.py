"""Files of an export: written beside their place and renamed, readable for their owner alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from a3s_store.backends.jsonfiles.layout import name_of
from a3s_store.core.new_files import creating, temporary_name
from a3s_store.importers.source_files import digest_of
from a3s_store.importers.store_item import CONFLICTS, SAVED, UNCHANGED, OnConflict, Outcome

_LONGEST_NAME: Final = 200


def file_name(session_id: str) -> str:
    """Return the name of a session's files without their end: the id where that can be a name.

    Otherwise it ends with a hash of the id, so that no two sessions have one name.
    """
    name = name_of(session_id)
    usable = (
        name is not None and not name.startswith(".") and len(os.fsencode(name)) <= _LONGEST_NAME
    )
    if name is not None and usable and name.isprintable():
        return name if name == session_id else with_hash(name, session_id)
    return with_hash("session", session_id)


def with_hash(name: str, session_id: str) -> str:
    """Return a name that only this session has."""
    return f"{name}-{hashlib.sha256(session_id.encode()).hexdigest()[:16]}"


def write_text(path: Path, parts: Iterable[str], on_conflict: OnConflict) -> tuple[Outcome, int]:
    """Write a file unless it has this text already; return the outcome and its bytes.

    A file with other text is a conflict; so is anything that is no file, which is never replaced.
    Raises OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(temporary_name(path.name))
    digest = hashlib.sha256()
    size = 0
    with creating(partial) as file:
        for part in parts:
            encoded = part.encode("utf-8", "backslashreplace")
            digest.update(encoded)
            size += len(encoded)
            file.write(encoded)
    try:
        outcome = _conflict(path, digest.hexdigest(), on_conflict)
        if outcome is SAVED:
            partial.replace(path)
        return outcome, size if outcome is SAVED else 0
    finally:
        partial.unlink(missing_ok=True)


def _conflict(path: Path, digest: str, on_conflict: OnConflict) -> Outcome:
    if not os.path.lexists(path):
        return SAVED
    if path.is_symlink() or not path.is_file():
        return Outcome("refused", "something that is no file has this name")
    if digest_of(path) == digest:
        return UNCHANGED
    if on_conflict == "replace":
        return SAVED
    return Outcome(CONFLICTS[on_conflict].outcome, "another file has this name")
