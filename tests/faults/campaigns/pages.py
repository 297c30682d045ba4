"""Pages of a closed database are lost: cut off, zeroed, in each other's places.

Each copy is opened and asked everything, as in `flips`; then what is whole is salvaged into a new
store. A session none of whose pages were touched comes back as it was, and nothing comes that was
not saved.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from a3s_store.backends.sqlite.salvage.run import salvage
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import StoreError
from a3s_store.models import SessionData
from tests.faults.campaigns import flips
from tests.faults.harness import damaged_store, page_owners
from tests.faults.harness.full_store import Specimen
from tests.faults.harness.report import Report, Size

PAGE: Final = 4096
# How many turns the sessions have in all: about a hundred pages, and ten thousand.
_TURNS: Final = {"short": 18, "long": 4_000}
# Of that many damaged copies one in so many is salvaged too: odd, so that each way has its turn.
_SALVAGED: Final = {"short": 5, "long": 51}
# How many ways to lose a page are tried at most, of about four for each page.
_WAYS: Final = {"short": 1_000, "long": 4_000}
_OFF: Final = 1000

# How the file is damaged, where, and whether it is salvaged.
Job = tuple[str, int, bool]


def run(subject: str, seed: int, size: Size, *, share: float = 1.0) -> Report:
    """Lose pages; see the module. A `share` of all ways is tried."""
    report = Report(campaign="pages", subject=subject, seed=seed)
    with damaged_store.scratch() as folder:
        whole = flips.made(report, Path(folder), _TURNS[size])
        if whole is None:
            return report
        owners = page_owners.sessions_by_page(whole.files[""])
        chance = random.Random(seed)
        ways = list(_ways(len(whole.files[""])))
        share = min(share, _WAYS[size] / len(ways))
        jobs = [
            (how, at, number % _SALVAGED[size] == 0)
            for number, (how, at) in enumerate(ways)
            if chance.random() < share
        ]
        report.add(pages=len(whole.files[""]) // PAGE)
        answers = damaged_store.side_by_side(_try, jobs, _begin, subject, folder, whole, owners)
        for (how, at, _), (found, missed) in zip(jobs, answers, strict=True):
            report.add(**{how: 1, found.outcome: 1, **found.counts})
            report.add(integrity_check_missed=missed)
            for failure in found.failures:
                report.fail(f"{how} at {at}: {failure}")
    return report


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
    """The numbers, from 1, of the pages that this loses."""
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
            # Nobody can tell a file that was cut to nothing from a new one.
            yield "cut", at
        yield "cut_off", at + _OFF
        yield "zeroed", at
        if at + PAGE < length:
            yield "swapped", at


def _begin(subject: str, folder: str, whole: Specimen, owners: dict[int, frozenset[str]]) -> None:
    flips.begin(subject, folder, whole)
    flips.WORKER["owners"] = owners


def _try(job: Job) -> tuple[damaged_store.Finding, bool]:
    how, at, salvaged = job
    whole: Specimen = flips.WORKER["whole"]
    data = damage(whole.files[""], how, at)
    found, missed = flips.examined(db=data)
    if salvaged:
        lost = pages_of(how, at, len(whole.files[""]))
        flips.WORKER["runner"].run(_salvage(found, data, lost))
    return found, missed


async def _salvage(found: damaged_store.Finding, data: bytes, lost: set[int]) -> None:
    whole: Specimen = flips.WORKER["whole"]
    path: Path = flips.WORKER["path"]
    owners: dict[int, frozenset[str]] = flips.WORKER["owners"]
    hurt = frozenset[str]().union(*(owners.get(page, ()) for page in lost))
    unhurt = {key for kind, key in _pairs(whole) if kind == "snapshot"} - hurt
    whole.write(path, db=data)
    target = path.with_name(path.name + "-salvaged")
    target.unlink(missing_ok=True)
    found.counts["salvages"] += 1
    try:
        await salvage(path, target)
    except StoreError as error:
        found.counts["nothing_to_salvage"] += 1
        if unhurt:
            found.failures.append(f"not salvaged, with {sorted(unhurt)} untouched: {error!r}")
        return
    except Exception as error:
        found.failures.append(f"UNTYPED from salvage: {error!r}")
        return
    if path.read_bytes() != data:
        found.failures.append("salvage changed what it was to save")
    async with flips.WORKER["open"](target) as store:
        there = await store.list()
        for key in there:
            _compare(found, key, await store.load_snapshot(key), unhurt)
        for key in sorted(unhurt - {*there}):
            found.failures.append(f"salvage lost {key!r}, none of whose pages were touched")
        if not (await store.verify(depth="deep")).ok:
            found.failures.append("what was salvaged is damaged")


def _pairs(whole: Specimen) -> Iterator[tuple[str, str]]:
    return ((question[0], question[1]) for question in whole.answers if len(question) == 2)


def _compare(
    found: damaged_store.Finding, key: str, given: SessionSnapshot, unhurt: set[str]
) -> None:
    """A session that was salvaged: as it was, or less of it; nothing that was never saved."""
    answers: dict[Any, Any] = flips.WORKER["whole"].answers
    answer = answers.get(("snapshot", key))
    if given == answer:
        found.counts["came_back_whole"] += 1
        return
    if key in unhurt:
        found.failures.append(f"salvage changed {key!r}, none of whose pages were touched")
    found.counts["came_back_in_part"] += 1
    # A session may have lost its name, its present head, or what it was forked from.
    talks = [answer.session.messages for answer in answers.values() if _has_messages(answer)]
    talks += [answer.messages for answer in answers.values() if isinstance(answer, SessionData)]
    if not any(damaged_store.in_order(given.session.messages, talk) for talk in talks):
        found.failures.append(f"salvage made up messages in {key!r}")
    saved = [answer for answer in answers.values() if _has_messages(answer)]
    for name in damaged_store.SHELVES:
        mine = getattr(given, name) or ()
        if not any(damaged_store.in_order(mine, getattr(one, name) or ()) for one in saved):
            found.failures.append(f"salvage made up {name} in {key!r}")


def _has_messages(answer: Any) -> bool:
    return isinstance(answer, SessionSnapshot)
