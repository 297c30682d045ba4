"""Sums of cost records: the arguments of `usage`, and the fold that every store must agree with.

Everything is added up in integers, so no sum depends on the order of records. Pure functions.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

import attrs

from a3s_store.core.arguments import is_text, refused
from a3s_store.core.listing.conditions import Conditions, Listed, conditions
from a3s_store.core.listing.values import SessionFilter
from a3s_store.models import LlmCostRecord, SessionData
from a3s_store.printable import short_repr
from a3s_store.wire.timestamp import timestamp_of

# How many characters of a time name the unit that it is in.
TIMES: Final[Mapping[str, int]] = {"month": 7, "day": 10, "hour": 13}
GROUPS: Final = (*TIMES, "model", "provider", "session", "workspace", "parent", "tenant")
# Before the key of a label: a group is the sessions with one value of it.
LABEL: Final = "label:"

Key: TypeAlias = tuple[str | None, ...]
# calls, prompt, completion and total tokens, nano-dollars, unpriced calls, inexact calls
Amounts: TypeAlias = tuple[int, int, int, int, int, int, int]

# A cost of so many dollars or more, and more tokens, are not added up.
LEAST_INEXACT_COST: Final = 1e9
MOST_TOKENS: Final = 2**63 - 1
# All sessions but those in the trash.
_ALL: Final = SessionFilter(archived=None)
# Above it a float has no fraction.
_WHOLE: Final = 2.0**52


@attrs.frozen(kw_only=True)
class UsageRow:
    """The sums of the calls with one key, which has one value for each name in `by`.

    `cost_nanousd` is in billionths of a dollar. A call without a cost counts in `unpriced_calls`. A
    call with a cost of 10^9 dollars or more, or a number of tokens of 2^63 or more, counts in
    `inexact_calls`, and that number is left out of the sums.
    """

    key: Key
    calls: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost_nanousd: int
    unpriced_calls: int
    inexact_calls: int

    @property
    def cost_usd(self) -> float:
        """The cost in dollars, rounded to a float."""
        return self.cost_nanousd / 1e9


@attrs.frozen(kw_only=True)
class UsageQuery:
    """The checked arguments of `UsageStore.usage`.

    `where` are the conditions for the sessions. `since` and `until` are times in UTC as
    `timestamp_prefix` returns them; None is no bound. Times are those of `zone`; None: UTC.
    """

    by: tuple[str, ...]
    where: Conditions
    since: str | None = None
    until: str | None = None
    zone: ZoneInfo | None = None
    inherited: bool = False

    def counts(self, record: LlmCostRecord, session_id: str) -> bool:
        """Return whether a record of this session is added up."""
        moment = timestamp_prefix(record.timestamp)
        return (
            (self.inherited or record.session_id is None or record.session_id == session_id)
            and (self.since is None or moment >= self.since)
            and (self.until is None or moment < self.until)
        )

    def key(self, facts: Mapping[str, str | None]) -> Key:
        """Return the key of a call; of its facts `slot` is what its times are made of."""
        moment = facts.get("slot") or ""
        if moment and self.zone is not None:
            moment = _local(moment, self.zone)
        return tuple(moment[: TIMES[one]] if one in TIMES else facts[one] for one in self.by)


def timestamp_prefix(timestamp: str) -> str:
    """Return a stored time without its `Z`: such texts are in the order of their times."""
    return timestamp.removesuffix("Z")


def slot_of(timestamp: str) -> str:
    """Return the quarter of an hour of a time in UTC: day, hour, and its number from 0 to 3.

    Offsets of today's time zones are multiples of it.
    """
    return f"{timestamp[:14]}{int(timestamp[14:16]) // 15}"


@functools.lru_cache(maxsize=64)
def _local(slot: str, zone: ZoneInfo) -> str:
    """Return the local time at the beginning of a slot. Raises ValueError: it is none."""
    start = datetime.fromisoformat(slot[:13]).replace(tzinfo=UTC)
    try:
        start = (start + timedelta(minutes=15 * int(slot[14:]))).astimezone(zone)
    except OverflowError:
        pass  # in the first or last hours of the calendar, which has no such local time
    return start.isoformat()


def amounts_of(record: LlmCostRecord) -> Amounts:
    """Return what one call adds to the sums of its row."""
    tokens = (record.prompt_tokens, record.completion_tokens, record.total_tokens)
    prompt, completion, total = (one if one <= MOST_TOKENS else 0 for one in tokens)
    cost = record.cost_usd
    is_exact = cost is None or abs(cost) < LEAST_INEXACT_COST
    spent = nanodollars(cost) if cost is not None and is_exact else 0
    inexact = not is_exact or max(tokens) > MOST_TOKENS
    return 1, prompt, completion, total, spent, int(cost is None), int(inexact)


def nanodollars(cost: float) -> int:
    """Return a cost in billionths of a dollar, rounded as SQLite's round(cost * 1e9) does."""
    value = cost * 1e9
    if abs(value) > _WHOLE:
        return int(value)
    return int(value - 0.5 if value < 0 else value + 0.5)


def calls_of(query: UsageQuery, session: SessionData, one: Listed) -> Iterator[tuple[Key, Amounts]]:
    """Yield key and amounts of each call of a session that the query counts.

    `one` is the session as lists have it.
    """
    if not query.where.hold(one):
        return
    labels = one.summary.labels
    facts = {name: labels.get(name.removeprefix(LABEL)) for name in query.by} | {
        "session": session.id,
        "workspace": session.config.workspace,
        "parent": session.parent_id,
        "tenant": session.tenant_id,
    }
    for record in session.cost_records:
        if query.counts(record, session.id):
            of_call = {
                "slot": slot_of(record.timestamp),
                "model": record.model,
                "provider": record.provider,
            }
            yield query.key(facts | of_call), amounts_of(record)


def usage_rows(found: Iterable[tuple[Key, Amounts]]) -> tuple[UsageRow, ...]:
    """Return the sums for each key, sorted by key; None comes before every text."""
    sums: dict[Key, tuple[int, ...]] = {}
    for key, amounts in found:
        before = sums.get(key)
        sums[key] = amounts if before is None else tuple(map(operator.add, before, amounts))
    names = [field.name for field in attrs.fields(UsageRow)][1:]
    return tuple(
        UsageRow(key=key, **dict(zip(names, sums[key], strict=True)))
        for key in sorted(sums, key=_in_order)
    )


def _in_order(key: Key) -> list[tuple[bool, str]]:
    return [(one is not None, one or "") for one in key]


# -- Arguments ---------------------------------------------------------------------------------


def usage_query(
    by: Sequence[str],
    where: SessionFilter | None,
    since: date | None,
    until: date | None,
    tz: str | None,
    inherited: bool,
) -> UsageQuery:
    """Return the query of these arguments of `usage`.

    Raises:
        InvalidArgumentError: one has a wrong value.
    """
    if isinstance(by, str) or not isinstance(by, Sequence) or not all(map(_is_group, by)):
        raise refused("usage", "by", f"has names among {', '.join(GROUPS)} and {LABEL}KEY")
    if type(inherited) is not bool:
        raise refused("usage", "inherited", "is True or False")
    zone = None if tz is None else _zone(tz)
    return UsageQuery(
        by=tuple(by),
        where=conditions(_ALL if where is None else where),
        since=_bound("since", since, zone),
        until=_bound("until", until, zone),
        zone=zone,
        inherited=inherited,
    )


def _is_group(name: object) -> bool:
    return isinstance(name, str) and (
        name in GROUPS
        or (name.startswith(LABEL) and name != LABEL and is_text(name) and "\0" not in name)
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError, TypeError, AttributeError):
        what = f"is the name of a time zone that this machine knows, not {short_repr(name)}"
        raise refused("usage", "tz", what) from None


def _bound(argument: str, moment: date | None, zone: ZoneInfo | None) -> str | None:
    """Return a bound as `UsageQuery` has it; a date is its midnight in `zone`."""
    if moment is None:
        return None
    if not isinstance(moment, date):
        raise refused("usage", argument, "is a date, or a datetime with a time zone")
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time(), tzinfo=zone or UTC)
    elif moment.utcoffset() is None:
        raise refused("usage", argument, "has no time zone: give a date, or a datetime with tzinfo")
    try:
        return timestamp_prefix(timestamp_of(moment))
    except OverflowError:
        raise refused("usage", argument, "is outside the years 1 to 9999") from None
