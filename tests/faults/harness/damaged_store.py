"""Examination of a damaged store: load everything, read in spite of damage, verify.

Three results are good: the saved value, a typed error, and, from reading in spite of damage, the
values that can be verified with a report of the others. Everything else breaks a promise: another
value than the saved one (SILENT), an error of another kind (UNTYPED), and a clean verification of a
store that refuses a load.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections import Counter
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.reports import Recovered
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import CorruptionError, StoreError
from tests.faults.harness.full_store import LISTS, Original, Question, ask
from tests.faults.harness.report import Report
from tests.faults.harness.store_under_test import find

# Attributes of the values of a collection that are lists themselves.
_INSIDE: Final = tuple(name for one in COLLECTIONS for name in one.rows.lists)

COLLECTION_NAMES: Final = tuple(one.name for one in COLLECTIONS)


@attrs.define
class Finding:
    """The outcome of examining one damaged store."""

    counts: Counter[str] = attrs.field(factory=Counter)
    failures: list[str] = attrs.field(factory=list)
    refused: bool = False  # at least one question, or to open at all
    differs: bool = False  # a list was not what it was
    verified: bool | None = None  # None: it did not come to that

    @property
    def outcome(self) -> str:
        """The outcome in a word: a count of the report."""
        if self.failures:
            return "failed"
        if self.refused or self.differs:
            return "refused" if self.refused else "told_by_verify"
        return "harmless_but_told" if self.verified is False else "harmless"


async def examine(
    open_store: Any, path: Path, original: Original, *, thorough: bool = True
) -> Finding:
    """Open the store, load everything, in spite of damage too, verify, close.

    Unless `thorough`, a store that returns every saved value is not verified.
    """
    found = Finding()
    try:
        store = await open_store(path)
    except StoreError as error:
        found.refused = True
        found.counts[f"open_{type(error).__name__}"] += 1
        return found
    except Exception as error:
        found.failures.append(f"UNTYPED when opened: {error!r}")
        return found
    try:
        for question, answer in original.values.items():
            await _ask(found, store, question, answer)
        if thorough or found.refused or found.differs:
            for question, answer in original.values.items():
                if question[0] == "snapshot":
                    await _recover(found, store, question[1], answer)
            await _verify(found, store)
    finally:
        try:
            await store.close()
        except StoreError:
            found.counts["close_refused"] += 1
    return found


async def _ask(found: Finding, store: Any, question: Question, answer: Any) -> None:
    try:
        given = await ask(store, question)
    except StoreError as error:
        found.refused = True
        found.counts["refusals"] += 1
        found.counts[f"load_{type(error).__name__}"] += 1
        if isinstance(error, CorruptionError) and question[0] in {"snapshot", "load"}:
            if error.session_id != question[1]:
                found.failures.append(f"{question}: the error names no session: {error!r}")
            found.counts["with_part"] += error.part is not None
    except Exception as error:
        found.failures.append(f"UNTYPED {question}: {error!r}")
    else:
        if given == answer:
            return
        if question[0] in LISTS:
            # It is computed from columns, not verified; only a verification reports it.
            found.differs = True
        else:
            how = "there is none, it says" if given is None else "not what was saved"
            found.failures.append(f"SILENT {question}: {how}")


async def _recover(found: Finding, store: Any, session_id: str, answer: SessionSnapshot) -> None:
    """Check that values read in spite of damage are right, in order, and reported if missing."""
    try:
        given: Recovered[SessionSnapshot] = await store.load_snapshot(
            session_id, on_damage="report"
        )
    except Exception as error:
        found.failures.append(f"reading {session_id!r} in spite of damage raised {error!r}")
        return
    wrong = wrong_parts(given, answer)
    if wrong:
        found.failures.append(f"SILENT recovered {session_id!r}: {wrong}")
    found.counts["recovered_with_damage"] += bool(given.damage)


def wrong_parts(given: Recovered[SessionSnapshot], answer: SessionSnapshot) -> str:
    """The part of a recovered snapshot that is neither as saved nor reported; "" for none."""
    if not given.damage:
        return "" if given.value == answer else "not what was saved, and no damage"
    if given.value is None:
        return ""
    foreign = foreign_part(given.value, answer)
    if foreign:
        return f"{foreign}: something that was not saved there"
    collections = {damage.part for damage in given.damage}
    if not collections & {"session", "config", "file", "schema", "generation", "tasks"}:
        own = [one.session.evolve(messages=(), cost_records=()) for one in (given.value, answer)]
        if own[0] != own[1]:
            return f"session: not what was saved, and damage of {sorted(collections)} only"
    return ""


def foreign_part(given: SessionSnapshot, answer: SessionSnapshot) -> str:
    """The list with a value, or an order, that the other snapshot does not have; "" for none."""
    if not in_order(given.session.messages, answer.session.messages):
        return "messages"
    for name in COLLECTION_NAMES:
        if not in_order(getattr(given, name) or (), getattr(answer, name) or ()):
            return name
    return ""


def in_order(some: Sequence[Any], every: Sequence[Any]) -> bool:
    """Whether the first are among the second, in the same order."""
    rest = iter(every)
    return all(any(_is_of(one, other) for other in rest) for one in some)


def _is_of(one: Any, other: Any) -> bool:
    """Whether they are equal, apart from values missing in a list inside the first."""
    for name in _INSIDE:
        if hasattr(one, name) and type(one) is type(other):
            mine, theirs = getattr(one, name), getattr(other, name)
            return in_order(mine, theirs) and bool(
                one.evolve(**{name: ()}) == other.evolve(**{name: ()})
            )
    return bool(one == other)


async def _verify(found: Finding, store: Any) -> None:
    try:
        report = await store.verify(depth="deep")
    except Exception as error:
        found.failures.append(f"the verification raised {error!r}")
        return
    found.verified = report.ok
    if report.ok and found.refused:
        found.failures.append("a load is refused, and the verification is clean")
    if report.ok and found.differs:
        found.failures.append("SILENT: a list differs, and the verification is clean")


class Examiner:
    """Examines damaged copies of one store, one after the other, in a process of its own."""

    def __init__(self, report: Report, folder: Path, original: Original) -> None:
        self.original = original
        self.path = folder / f"damaged-{os.getpid()}"
        self.open = find(report.subject)
        self._runner = asyncio.Runner()

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine on the loop of this process."""
        self._runner.run(main)

    def examine(self, *, thorough: bool = True, **changed: bytes) -> tuple[Finding, bool]:
        """Examine a copy with changed files: `db=...` or `wal=...`.

        Returns the finding, and whether SQLite's own check misses damage that the store reports.
        """
        self.original.write(self.path, **changed)
        structure = _structure_is_intact(self.path)
        self.original.write(self.path, **changed)
        found = self._runner.run(examine(self.open, self.path, self.original, thorough=thorough))
        noticed = found.refused or found.differs or found.verified is False or bool(found.failures)
        return found, structure and noticed


def _structure_is_intact(path: Path) -> bool:
    """Whether SQLite's own check finds no fault."""
    with contextlib.closing(sqlite3.connect(path)) as conn:
        try:
            return bool(conn.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok")
        except (sqlite3.Error, UnicodeDecodeError):
            return False
