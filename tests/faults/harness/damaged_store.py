"""Opens a store whose files were damaged, asks everything, and says who noticed.

Three answers are good: what was saved, a typed error, and, from what can read in spite of damage,
what can be proven with a word on what cannot. Everything else breaks a promise: something else than
was saved (SILENT), an error of another kind (UNTYPED), and a clean verification of what a load
refuses.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.reports import Recovered
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import CorruptionError, StoreError
from tests.faults.harness.full_store import LISTS, Question, Specimen, ask

# Lists inside the values of a collection.
_INSIDE: Final = tuple(name for one in COLLECTIONS for name in one.rows.lists)

T = TypeVar("T")
R = TypeVar("R")

# Processes that open damaged files side by side.
WORKERS: Final = 2
SHELVES: Final = tuple(one.name for one in COLLECTIONS)


@attrs.define
class Finding:
    """What came of opening one damaged store."""

    counts: Counter[str] = attrs.field(factory=Counter)
    failures: list[str] = attrs.field(factory=list)
    refused: bool = False  # at least one question, or to open at all
    differs: bool = False  # a list was not what it was
    verified: bool | None = None  # None: it did not come to that

    @property
    def outcome(self) -> str:
        """In a word."""
        if self.failures:
            return "failed"
        if self.refused or self.differs:
            return "refused" if self.refused else "told_by_verify"
        return "harmless_but_told" if self.verified is False else "harmless"


async def examine(
    open_store: Any, path: Path, specimen: Specimen, *, thorough: bool = True
) -> Finding:
    """Open the store, ask everything, in spite of damage too, verify, close.

    Unless `thorough`, what answers everything as it was saved is not verified too.
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
        for question, answer in specimen.answers.items():
            await _ask(found, store, question, answer)
        if thorough or found.refused or found.differs:
            for question, answer in specimen.answers.items():
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
            found.counts["with_family"] += error.part is not None
    except Exception as error:
        found.failures.append(f"UNTYPED {question}: {error!r}")
    else:
        if given == answer:
            return
        if question[0] in LISTS:
            # For people to look at; it is up to a verification to tell.
            found.differs = True
        else:
            how = "there is none, it says" if given is None else "not what was saved"
            found.failures.append(f"SILENT {question}: {how}")


async def _recover(found: Finding, store: Any, session_id: str, answer: SessionSnapshot) -> None:
    """What is read in spite of damage is right and in order, and says what is missing."""
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
    """What in a recovered snapshot is neither as it was nor said to be missing; "" is right."""
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
    """The list that has something, or an order, that the other snapshot does not have; "" none."""
    if not in_order(given.session.messages, answer.session.messages):
        return "messages"
    for name in SHELVES:
        if not in_order(getattr(given, name) or (), getattr(answer, name) or ()):
            return name
    return ""


def in_order(some: Sequence[Any], every: Sequence[Any]) -> bool:
    """Whether the first are among the second, in the same order."""
    rest = iter(every)
    return all(any(_is_of(one, other) for other in rest) for one in some)


def _is_of(one: Any, other: Any) -> bool:
    """Whether they are equal, but for what is missing of a list inside the first."""
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


def structure_is_whole(path: Path) -> bool:
    """Whether SQLite's own check is content."""
    conn = sqlite3.connect(path)
    try:
        return bool(conn.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok")
    except (sqlite3.Error, UnicodeDecodeError):
        return False
    finally:
        conn.close()


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder, in memory where there is one."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix="a3s-", dir=memory)


def side_by_side(
    work: Callable[[T], R], jobs: Iterable[T], begin: Callable[..., None], *arguments: Any
) -> Iterator[R]:
    """Do the jobs in forked processes, answers in order; `begin` is called first in each."""
    with get_context("fork").Pool(WORKERS, begin, arguments) as pool:
        yield from pool.imap(work, jobs, chunksize=8)
