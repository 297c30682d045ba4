"""Pages of a closed database are lost: cut off, zeroed, swapped with the next.

Each copy is opened, and everything is loaded from it, as in `flips`; then a salvage copies the
readable sessions into a new store. A session that has no row on a lost page is salvaged unchanged,
and nothing is salvaged that was not saved.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

from a3s_store.backends.sqlite.salvage.run import salvage
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import StoreError
from a3s_store.models import SessionData
from tests.faults.harness import forks, full_store, page_owners
from tests.faults.harness.damaged_store import COLLECTION_NAMES, Examiner, Finding, in_order
from tests.faults.harness.report import Report, Size

PAGE: Final = 4096
# How many turns the sessions have in all: about a hundred pages, and ten thousand.
_TURNS: Final = {"short": 18, "long": 4_000}
# One damaged copy in so many is salvaged too: odd, so that each way has its turn.
_SALVAGED: Final = {"short": 5, "long": 51}
# How many ways to lose a page are tried at most, of about four for each page.
_WAYS: Final = {"short": 80, "long": 4_000}
_OFF: Final = 1000
# Copies that one process examines.
_SHARE: Final = 40

# How the file is damaged, where, and whether it is salvaged.
Job = tuple[str, int, bool]


def run(report: Report, size: Size, *, share: float = 1.0) -> None:
    """Lose pages in a `share` of all ways, one way in each copy."""
    with forks.scratch() as folder:
        original = full_store.create(report, folder, _TURNS[size])
        if original is None:
            return
        data = original.files[""]
        owners = page_owners.sessions_by_page(data)
        chance = random.Random(report.seed)
        ways = list(_ways(len(data)))
        share = min(share, _WAYS[size] / len(ways))
        jobs = [
            (how, at, number % _SALVAGED[size] == 0)
            for number, (how, at) in enumerate(ways)
            if chance.random() < share
        ]
        report.add(pages=len(data) // PAGE)
        forks.share(
            report,
            lambda own, some: _lose(own, some, Examiner(own, folder, original), owners),
            [jobs[first : first + _SHARE] for first in range(0, len(jobs), _SHARE)],
        )


def damage(data: bytes, how: str, at: int) -> bytes:
    """The bytes of a file with pages lost."""
    page, following = data[at : at + PAGE], data[at + PAGE : at + 2 * PAGE]
    match how:
        case "cut" | "cut_off":
            return data[:at]
        case "zeroed":
            return data[:at] + bytes(len(page)) + data[at + PAGE :]
    return data[:at] + following + page + data[at + 2 * PAGE :]


def pages_of(how: str, at: int, length: int) -> set[int]:
    """The numbers, from 1, of the lost pages."""
    first = at // PAGE + 1
    match how:
        case "cut" | "cut_off":
            return set(range(first, length // PAGE + 1))
        case "zeroed":
            return {first}
    return {first, first + 1}


def _ways(length: int) -> Iterator[tuple[str, int]]:
    for at in range(0, length, PAGE):
        if at:
            # A file that was cut to nothing looks like a new one.
            yield "cut", at
        yield "cut_off", at + _OFF
        yield "zeroed", at
        if at + PAGE < length:
            yield "swapped", at


def _lose(
    report: Report, jobs: Sequence[Job], examiner: Examiner, owners: dict[int, frozenset[str]]
) -> None:
    for how, at, salvaged in jobs:
        whole = examiner.original.files[""]
        data = damage(whole, how, at)
        found, missed = examiner.examine(db=data)
        if salvaged:
            lost = pages_of(how, at, len(whole))
            hurt = frozenset[str]().union(*(owners.get(page, ()) for page in lost))
            examiner.run(_salvage(found, examiner, data, hurt))
        report.add(integrity_check_missed=missed, **{how: 1, found.outcome: 1, **found.counts})
        for failure in found.failures:
            report.fail(f"{how} at {at}: {failure}")
        if report.is_enough:
            return


async def _salvage(found: Finding, examiner: Examiner, data: bytes, hurt: frozenset[str]) -> None:
    """Salvage a damaged copy; sessions that are not `hurt` must come back unchanged."""
    path = examiner.path
    unhurt = {key for kind, key in _pairs(examiner.original.values) if kind == "snapshot"} - hurt
    examiner.original.write(path, db=data)
    target = path.with_name(path.name + "-salvaged")
    target.unlink(missing_ok=True)
    found.counts["salvages"] += 1
    try:
        await salvage(path, target)
    except StoreError as error:
        found.counts["nothing_to_salvage"] += 1
        if unhurt:
            found.failures.append(f"not salvaged, with {sorted(unhurt)} intact: {error!r}")
        return
    except Exception as error:
        found.failures.append(f"UNTYPED from salvage: {error!r}")
        return
    if path.read_bytes() != data:
        found.failures.append("salvage changed the damaged file")
    async with examiner.open(target) as store:
        salvaged = await store.list()
        for key in salvaged:
            given = await store.load_snapshot(key)
            _compare(found, key, given, unhurt, examiner.original.values)
        for key in sorted(unhurt - {*salvaged}):
            found.failures.append(f"salvage lost {key!r}, which has no row on a lost page")
        if not (await store.verify(depth="deep")).ok:
            found.failures.append("the salvaged store is damaged")


def _pairs(values: dict[full_store.Question, Any]) -> Iterator[tuple[str, str]]:
    return ((question[0], question[1]) for question in values if len(question) == 2)


def _compare(
    found: Finding, key: str, given: SessionSnapshot, unhurt: set[str], values: dict[Any, Any]
) -> None:
    """Check that a salvaged session is the saved one or a part of it, with nothing else in it."""
    saved = values.get(("snapshot", key))
    if given == saved:
        found.counts["came_back_whole"] += 1
        return
    if key in unhurt:
        found.failures.append(f"salvage changed {key!r}, which has no row on a lost page")
    found.counts["came_back_in_part"] += 1
    # A session may have lost its name, its present head, or the session it was forked from.
    snapshots = [value for value in values.values() if isinstance(value, SessionSnapshot)]
    talks = [snapshot.session.messages for snapshot in snapshots]
    talks += [value.messages for value in values.values() if isinstance(value, SessionData)]
    if not any(in_order(given.session.messages, talk) for talk in talks):
        found.failures.append(f"salvage made up messages in {key!r}")
    for name in COLLECTION_NAMES:
        mine = getattr(given, name) or ()
        if not any(in_order(mine, getattr(one, name) or ()) for one in snapshots):
            found.failures.append(f"salvage made up {name} in {key!r}")
