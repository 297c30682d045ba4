"""Stores with `usage` (`UsageStore`): cost records of all sessions are added up, exactly."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from a3s_store.core.listing.values import SessionFilter
from a3s_store.core.usage import UsageRow
from a3s_store.errors import InvalidArgumentError
from a3s_store.models import LlmCostRecord, SessionData
from a3s_store.testing.conformance.expect import keeps, raises, same
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import cost_record, session

_GROUP = "usage"


def _call(cost_usd: float | None = 0.25, **changes: Any) -> LlmCostRecord:
    """Return the record of a call of one token each way."""
    given = {"completion_tokens": 1, "session_id": None, **changes}
    return cost_record(cost_usd=cost_usd, **given)


def _with(session_id: str, *calls: LlmCostRecord, **changes: Any) -> SessionData:
    return session(session_id, cost_records=calls, **changes)


def _row(*key: str | None, calls: int = 1, nanousd: int = 250_000_000, **changes: int) -> UsageRow:
    """Return the row of calls that `_call` returns, with another sum of their costs."""
    given = {"prompt": calls, "completion": calls, "total": 2 * calls, "unpriced": 0, "inexact": 0}
    given |= changes
    return UsageRow(
        key=key,
        calls=calls,
        prompt_tokens=given["prompt"],
        completion_tokens=given["completion"],
        total_tokens=given["total"],
        cost_nanousd=nanousd,
        unpriced_calls=given["unpriced"],
        inexact_calls=given["inexact"],
    )


@required_by(_GROUP, capability="usage")
async def calls_are_added_up_by_each_group(store: Any) -> None:
    """usage() has a row for each key with a call, sorted, None first; without `by` one row."""
    same((), await store.usage(), "an empty store")
    await store.save(session("without calls"))
    same((), await store.usage(by=()), "no calls")
    config = session("a").config.evolve(workspace="/w")
    await store.save(
        _with("a", _call(), _call(model="model-2"), config=config, tenant_id="t", parent_id="b")
    )
    await store.save(_with("b", _call(provider=""), _call(timestamp="2026-06-01T23:59:59Z")))
    for by, rows in (
        ((), [_row(calls=4, nanousd=1_000_000_000)]),
        (("day",), [_row("2026-05-18", calls=3, nanousd=750_000_000), _row("2026-06-01")]),
        (("month",), [_row("2026-05", calls=3, nanousd=750_000_000), _row("2026-06")]),
        (("hour", "session"), [*_HOURS]),
        (("model",), [_row("model-1", calls=3, nanousd=750_000_000), _row("model-2")]),
        (("provider",), [_row(""), _row("p", calls=3, nanousd=750_000_000)]),
        (("workspace", "tenant", "parent"), [_two("", None, None), _two("/w", "t", "b")]),
        (("session", "day", "session"), [*_DAYS]),
    ):
        same(tuple(rows), await store.usage(by=by), f"by {by}")


def _two(*key: str | None) -> UsageRow:
    return _row(*key, calls=2, nanousd=500_000_000)


_HOURS = (
    _two("2026-05-18T08", "a"),
    _row("2026-05-18T08", "b"),
    _row("2026-06-01T23", "b"),
)
_DAYS = (
    _two("a", "2026-05-18", "a"),
    _row("b", "2026-05-18", "b"),
    _row("b", "2026-06-01", "b"),
)


@required_by(_GROUP, capability="usage")
async def sums_are_exact(store: Any) -> None:
    """Costs are added as integers of 10^-9 dollars, each rounded by itself, half away from zero."""
    small = [0.1] * 10 + [1e-9, 1.4e-9, 1.6e-9, -0.0, 0.0, 3e-10]
    await store.save(_with("s", *map(_call, small)))
    expected = _row("model-1", calls=16, nanousd=1_000_000_000 + 1 + 1 + 2)
    same((expected,), await store.usage(by=("model",)), "small costs")
    large = [_call(cost, total_tokens=2**62, prompt_tokens=0) for cost in (9e8, 9e8, -9e8, 9e8)]
    for calls in (large * 4, (large * 4)[::-1]):
        await store.save(_with("s", *calls))
        sums = {"prompt": 0, "total": 2**66, "completion": 16}
        row = _row("model-1", calls=16, nanousd=8 * 900_000_000 * 10**9, **sums)
        same((row,), await store.usage(by=("model",)), "sums beyond 64 bits")


@required_by(_GROUP, capability="usage")
async def what_cannot_be_added_is_counted(store: Any) -> None:
    """Calls without a cost, and with costs or tokens too large to add, are counted."""
    await store.save(
        _with(
            "s",
            _call(None),
            _call(None, total_tokens=2**63),
            _call(1e9),
            _call(-1e300),
            _call(prompt_tokens=2**64 - 1),
            _call(extra={"unknown": 1}),
        )
    )
    row = _row(
        calls=6, nanousd=500_000_000, prompt=5, completion=6, total=10, unpriced=2, inexact=4
    )
    same((row,), await store.usage(by=()), "the sums")


@required_by(_GROUP, capability="usage")
async def times_are_those_of_a_zone(store: Any) -> None:
    """Days, hours and months are local with `tz`; `since` and `until` are half open."""
    times = ("2026-03-29T00:59:59.999Z", "2026-03-29T01:00:00Z", "2026-03-29T22:00:00.5Z")
    await store.save(_with("s", *(_call(timestamp=one) for one in times)))
    for tz, hours in (
        (None, ("2026-03-29T00", "2026-03-29T01", "2026-03-29T22")),
        ("Europe/Berlin", ("2026-03-29T01", "2026-03-29T03", "2026-03-30T00")),
        ("Asia/Kathmandu", ("2026-03-29T06", "2026-03-30T03")),
    ):
        rows = await store.usage(by=("hour",), tz=tz)
        same(hours, tuple(one.key[0] for one in rows), f"the hours in {tz}")
    second = timedelta(seconds=1)
    ten = datetime(2026, 3, 29, 22, 0, 0, tzinfo=UTC)
    for given, count in (
        ({"since": ten}, 1),
        ({"until": ten}, 2),
        ({"since": ten.replace(microsecond=500_000)}, 1),
        ({"since": ten.replace(microsecond=500_001)}, 0),
        ({"until": ten.replace(microsecond=500_000)}, 2),
        ({"until": ten.replace(microsecond=500_001)}, 3),
        ({"since": ten - 21 * 3600 * second, "until": ten}, 1),
        ({"since": ten.astimezone(timezone(timedelta(hours=-5)))}, 1),
        ({"since": date(2026, 3, 29), "until": date(2026, 3, 30)}, 3),
        ({"since": date(2026, 3, 30), "tz": "Europe/Berlin"}, 1),
        ({"until": date(2026, 3, 30), "tz": "Europe/Berlin"}, 2),
        ({"since": ten, "until": ten}, 0),
    ):
        rows = await store.usage(by=(), **given)
        same(count, sum(one.calls for one in rows), f"the calls of {given}")


@required_by(_GROUP, capability="usage")
async def a_call_counts_where_it_was_made(store: Any) -> None:
    """Records that name another session, as a fork's copies do, count only with `inherited`."""
    await store.save(_with("s", _call(session_id="s"), _call(), _call(session_id="another")))
    same((_two("s"),), await store.usage(by=("session",)), "the own calls")
    all_calls = _row("s", calls=3, nanousd=750_000_000)
    same((all_calls,), await store.usage(by=("session",), inherited=True), "all calls")
    if not keeps(store, "generations"):
        return
    await store.fork("s", "t")
    fork = await store.load("t")
    await store.save(fork.evolve(cost_records=(*fork.cost_records, _call(session_id="t"))))
    same((_two("s"), _row("t")), await store.usage(by=("session",)), "beside a fork")
    same(7, sum(one.calls for one in await store.usage(by=(), inherited=True)), "copies too")
    await store.delete("s")
    same((_row("t"),), await store.usage(by=("session",)), "without the fork's source")


@required_by(_GROUP, capability="usage")
async def usage_is_that_of_the_stored_records(store: Any) -> None:
    """Replaced and trimmed records, and those of deleted sessions, are gone from usage."""
    await store.save(_with("s", _call(), _call(0.5), _call(None)))
    await store.save(_with("t", _call()))
    await store.save(_with("s", _call(0.5), _call(0.125)))
    expected = (_row("s", calls=2, nanousd=625_000_000), _row("t"))
    same(expected, await store.usage(by=("session",)), "after a replaced list")
    await store.delete("s")
    same((_row("t"),), await store.usage(by=("session",)), "after a deletion")


@required_by(_GROUP, capability="usage")
async def usage_is_that_of_the_chosen_sessions(store: Any) -> None:
    """`where` chooses sessions; without it all count but those in the trash."""
    await store.save(_with("a", _call(), parent_id="p"))
    await store.save(_with("b", _call(), _call()))
    same((_row(calls=1),), await store.usage(by=(), where=SessionFilter(parent="p")), "a parent")
    where = SessionFilter(ids=("b", "none"))
    same((_two("b"),), await store.usage(by=["session"], where=where), "ids")
    wrong: Any = {"ids": 5}
    await raises(InvalidArgumentError, "a wrong filter", store.usage, where=SessionFilter(**wrong))
    if not keeps(store, "host_metadata"):
        return
    await store.update("a", labels={"kind": "bug", "it's": "x"}, archived=True)
    found = await store.usage(by=["label:kind", "label:it's"])
    same((_two(None, None), _row("bug", "x")), found, "by labels")
    found = await store.usage(by=["session"], where=SessionFilter(labels={"kind": None}))
    same((), found, "a filter without archived sessions")
    await store.trash("b")
    same((_row("a"),), await store.usage(by=["session"]), "without the trash")
    found = await store.usage(by=["session"], where=SessionFilter(trashed=True))
    same((_two("b"),), found, "the trash")


@required_by(_GROUP, capability="usage")
async def usage_is_asked_for_with_known_names(store: Any) -> None:
    """A wrong argument of usage() raises InvalidArgumentError with its name."""
    for argument, value in (
        ("by", "day"),
        ("by", ("days",)),
        ("by", ("label:",)),
        ("by", (None,)),
        ("by", iter(("day",))),
        ("by", {"day"}),
        ("by", 5),
        ("tz", "Nowhere/Else"),
        ("tz", "../zone"),
        ("tz", ""),
        ("tz", 1),
        ("since", "2026-01-01"),
        ("since", datetime(2026, 1, 1)),
        ("until", 0),
        ("until", datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))),
        ("inherited", 1),
    ):
        what = f"{argument}={value!r}"
        error: Any = await raises(InvalidArgumentError, what, store.usage, **{argument: value})
        same(argument, error.argument, "the argument of the error")
