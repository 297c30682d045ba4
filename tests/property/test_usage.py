"""Usage equals a fold over loaded sessions, whatever was saved, forked, replaced and deleted."""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
import tempfile
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from a3s_store import FileSessionStore, MemorySessionStore, SqliteSessionStore, UsageRow
from a3s_store.core.usage import GROUPS, nanodollars
from a3s_store.models import LlmCostRecord, SessionData
from a3s_store.testing.samples import session
from a3s_store.wire.timestamp import timestamp_of

_IDS = st.sampled_from(("a", "b", "c"))
_ZONES: Final = (
    "UTC",
    "Europe/Berlin",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/New_York",
    "America/Havana",
)
_TOKENS = st.one_of(
    st.integers(0, 5),
    st.sampled_from((2**62, 2**63 - 1, 2**63, 2**64 - 1)),
    st.integers(0, 2**64 - 1),
)
_COSTS = st.one_of(
    st.none(),
    st.sampled_from((0.0, -0.0, 0.1, 1e-9, 1.5e-9, 1e9, 999_999_999.0, -1e9, 4.5e6)),
    st.floats(-1e9, 1e9, allow_nan=False),
    st.floats(allow_nan=False, allow_infinity=False),
)
# Since 1973 the offset of every time zone is a multiple of a quarter of an hour.
_MOMENTS = st.one_of(
    st.datetimes(datetime(1973, 1, 2), datetime(2037, 1, 1)),
    st.datetimes(datetime(2024, 3, 30), datetime(2024, 4, 1)),
    st.sampled_from((datetime(2024, 3, 31, 1), datetime(2024, 10, 27, 1), datetime(2011, 12, 30))),
).map(lambda moment: moment.replace(tzinfo=UTC))
_RECORDS = st.lists(
    st.builds(
        LlmCostRecord,
        model=st.sampled_from(("m", "n", "m\0", "ü", "")),
        provider=st.sampled_from(("", "p")),
        prompt_tokens=_TOKENS,
        completion_tokens=_TOKENS,
        total_tokens=_TOKENS,
        cost_usd=_COSTS,
        timestamp=_MOMENTS.map(timestamp_of),
        session_id=st.sampled_from((None, "a", "b", "c", "else")),
        extra=st.sampled_from(({}, {}, {"cost": 1})),
    ),
    max_size=6,
).map(tuple)
_SAVES = st.builds(
    lambda one, records, workspace, parent, tenant: session(
        one,
        cost_records=records,
        config=session(one).config.evolve(workspace=workspace),
        parent_id=parent,
        tenant_id=tenant,
    ),
    _IDS,
    _RECORDS,
    st.sampled_from(("", "/w")),
    st.sampled_from((None, "a")),
    st.sampled_from((None, "", "t")),
)
_STEPS = st.lists(
    st.one_of(_SAVES, st.tuples(st.sampled_from(("fork", "delete", "trim")), _IDS, _IDS)),
    max_size=6,
)
_BOUNDS = st.one_of(
    st.none(),
    _MOMENTS,
    _MOMENTS.map(lambda moment: moment.astimezone(timezone(timedelta(hours=7)))),
    _MOMENTS.map(lambda moment: moment.date()),
)
_QUERIES = st.fixed_dictionaries(
    {
        "by": st.lists(st.sampled_from(GROUPS), max_size=3).map(tuple),
        "since": _BOUNDS,
        "until": _BOUNDS,
        "tz": st.sampled_from((None, *_ZONES)),
        "inherited": st.booleans(),
    }
)


def _moment(record: LlmCostRecord) -> datetime:
    return datetime.fromisoformat(record.timestamp)


def _folded(sessions: list[SessionData], query: dict[str, Any]) -> tuple[UsageRow, ...]:
    """Return the rows of a query, record by record, with Python's own times."""
    zone = UTC if query["tz"] is None else ZoneInfo(query["tz"])
    sums: dict[tuple[str | None, ...], Counter[str]] = {}
    for one in sessions:
        for record in one.cost_records:
            if record.session_id not in (None, one.id) and not query["inherited"]:
                continue
            if not _is_within(_moment(record), query["since"], query["until"], zone):
                continue
            local = _moment(record).astimezone(zone).isoformat()
            facts = {
                "month": local[:7],
                "day": local[:10],
                "hour": local[:13],
                "model": record.model,
                "provider": record.provider,
                "session": one.id,
                "workspace": one.config.workspace,
                "parent": one.parent_id,
                "tenant": one.tenant_id,
            }
            row = sums.setdefault(tuple(facts[name] for name in query["by"]), Counter())
            _add(row, record)
    found = [
        UsageRow(
            key=key,
            calls=row["calls"],
            prompt_tokens=row["prompt_tokens"],
            completion_tokens=row["completion_tokens"],
            total_tokens=row["total_tokens"],
            cost_nanousd=row["cost"],
            unpriced_calls=row["unpriced"],
            inexact_calls=row["inexact"],
        )
        for key, row in sums.items()
    ]
    return tuple(sorted(found, key=lambda row: [(one is not None, one or "") for one in row.key]))


def _is_within(
    moment: datetime, since: date | None, until: date | None, zone: ZoneInfo | timezone
) -> bool:
    def of(bound: date) -> datetime:
        if isinstance(bound, datetime):
            return bound
        # Of a midnight that a clock change skips or repeats, the first moment of the day.
        return datetime.combine(bound, time(), tzinfo=zone).astimezone(UTC)

    return (since is None or moment >= of(since)) and (until is None or moment < of(until))


def _add(row: Counter[str], record: LlmCostRecord) -> None:
    row["calls"] += 1
    is_exact = True
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        tokens = getattr(record, name)
        if tokens < 2**63:
            row[name] += tokens
        else:
            is_exact = False
    if record.cost_usd is None:
        row["unpriced"] += 1
    elif abs(record.cost_usd) < 1e9:
        row["cost"] += nanodollars(record.cost_usd)
    else:
        is_exact = False
    row["inexact"] += not is_exact


async def _apply(store: Any, steps: list[Any]) -> None:
    for step in steps:
        if isinstance(step, SessionData):
            await store.save(step)
            continue
        what, one, other = step
        if what == "delete":
            await store.delete(one)
        elif (found := await store.load(one)) is None:
            continue
        elif what == "trim":
            await store.save(found.evolve(cost_records=found.cost_records[1:]))
        elif store.capabilities().generations and not await store.exists(other):
            await store.fork(one, other)


async def _check(store: Any, steps: list[Any], queries: list[dict[str, Any]], seed: int) -> None:
    async with store:
        await _apply(store, steps)
        sessions = [await store.load(one) for one in await store.list()]
        expected = [_folded(sessions, query) for query in queries]
        assert [await store.usage(**query) for query in queries] == expected
        # In another order of rows.
        for one in sessions:
            shuffled = random.Random(seed).sample(one.cost_records, len(one.cost_records))
            await store.save(one.evolve(cost_records=tuple(shuffled)))
        assert [await store.usage(**query) for query in queries] == expected


@pytest.mark.parametrize("name", ["memory", "file", "sqlite"])
@given(_STEPS, st.lists(_QUERIES, min_size=1, max_size=4), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_usage_is_a_fold_over_loaded_sessions(
    name: str, steps: list[Any], queries: list[dict[str, Any]], seed: int
) -> None:
    async def main() -> None:
        with tempfile.TemporaryDirectory() as place:
            match name:
                case "memory":
                    store: Any = MemorySessionStore()
                case "file":
                    store = await FileSessionStore.open(place)
                case _:
                    store = await SqliteSessionStore.open(Path(place) / "store.a3s")
            await _check(store, steps, queries, seed)

    asyncio.run(main())


@given(st.floats(-1e9, 1e9, exclude_min=True, exclude_max=True))
@example(4.9999999999999994e-10)
@example(4_503_599.627370496)
@example(4_503_599.627370497)
@example(-0.5e-9)
def test_costs_are_rounded_as_sqlite_rounds_them(cost: float) -> None:
    conn = sqlite3.connect(":memory:")
    (expected,) = conn.execute("SELECT CAST(round(? * 1e9) AS INTEGER)", (cost,)).fetchone()
    conn.close()
    assert nanodollars(cost) == expected


@given(_RECORDS, st.sampled_from(_ZONES), _MOMENTS.map(lambda moment: moment.date()))
@settings(max_examples=60, deadline=None)
def test_a_date_as_bound_cuts_between_the_days_of_its_zone(
    records: tuple[LlmCostRecord, ...], tz: str, day: date
) -> None:
    async def main() -> None:
        store = MemorySessionStore()
        await store.save(session("s", cost_records=records))
        found = {
            since: [row.key[0] for row in await store.usage(since=since, until=until, tz=tz)]
            for since, until in itertools.pairwise((None, day, None))
        }
        assert all(key is not None and key < day.isoformat() for key in found[None])
        assert all(key is not None and key >= day.isoformat() for key in found[day])
        assert found[None] + found[day] == [row.key[0] for row in await store.usage(tz=tz)]

    asyncio.run(main())
