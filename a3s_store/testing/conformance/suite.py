"""The registry of checks, the maker of stores they are given, and the report.

A check is an async function that raises AssertionError when the rule is broken and `NotSupported`
when the store never promised it. It opens stores through a `StoreMaker`, always at the same place:
the first is empty, and what a later one finds there is the store's own business.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import tempfile
import unittest
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import attrs

from a3s_store.core.protocol import Capabilities, SessionStore
from a3s_store.printable import one_line

OpenStore: TypeAlias = Callable[[Path], Awaitable[SessionStore]]


class NotSupported(unittest.SkipTest):
    """The check is about a capability that this store does not declare; a skip, no failure."""


@attrs.define
class StoreMaker:
    """Opens the store under test at one place: a folder of this check's own, empty at first."""

    open_store: OpenStore
    place: Path
    opened: list[SessionStore] = attrs.field(factory=list)

    async def open(self) -> SessionStore:
        """One more store at this place; `close_all` closes it if the check does not."""
        store = await self.open_store(self.place)
        self.opened.append(store)
        return store

    async def reopen(self) -> SessionStore:
        """Close every store at this place, then open one."""
        await self.close_all()
        return await self.open()

    async def close_all(self) -> None:
        while self.opened:
            await self.opened.pop().close()

    @contextlib.asynccontextmanager
    async def session(self, capability: str | None) -> AsyncIterator[SessionStore]:
        """An open store, closed afterwards. Raises NotSupported."""
        store = await self.open()
        try:
            if capability is not None and not getattr(store.capabilities(), capability):
                raise NotSupported(f"{store.backend_name} does not promise {capability}")
            yield store
        finally:
            await self.close_all()


# A store that waits for itself fails its check instead of the whole run.
_PATIENCE_SECONDS: Final = 120


@attrs.frozen
class Check:
    """One rule. `capability` names the field of Capabilities it belongs to; None: owed by all."""

    name: str
    capability: str | None
    group: str
    rule: str
    body: Callable[[SessionStore, StoreMaker], Awaitable[None]] = attrs.field(repr=False)

    def __str__(self) -> str:
        return self.name

    async def run(self, maker: StoreMaker) -> None:
        """Check the store. Raises AssertionError when the rule is broken, NotSupported."""
        async with asyncio.timeout(_PATIENCE_SECONDS), maker.session(self.capability) as store:
            await self.body(store, maker)


_CHECKS: Final[list[Check]] = []
Body: TypeAlias = Callable[..., Awaitable[None]]


def required_by(
    group: str,
    *,
    capability: str | None = None,
    cases: Iterable[tuple[str, Any]] = (),
    reopens: bool = False,
) -> Callable[[Body], Body]:
    """Register a check whose body takes an open store.

    With `cases` it becomes one check for each (label, value), the value being the second argument.
    With `reopens` the maker is the last argument. The first line of the docstring is the rule.
    """
    assert capability is None or capability in _CAPABILITIES, capability
    listed: list[tuple[str, tuple[Any, ...]]] = [
        (f"[{label}]", (value,)) for label, value in cases
    ] or [("", ())]

    def register(function: Body) -> Body:
        rule = (function.__doc__ or "").strip().split("\n")[0]
        assert rule, f"{function.__name__} says no rule"
        for suffix, given in listed:
            body = functools.partial(_call, function, given, reopens)
            name = function.__name__ + suffix
            assert all(check.name != name for check in _CHECKS), name
            _CHECKS.append(Check(name, capability, group, rule, body))
        return function

    return register


async def _call(
    function: Body, given: tuple[Any, ...], reopens: bool, store: SessionStore, maker: StoreMaker
) -> None:
    await function(store, *given, *((maker,) if reopens else ()))


def registered() -> tuple[Check, ...]:
    """All checks in the order of their files."""
    return tuple(_CHECKS)


_CAPABILITIES: Final = tuple(field.name for field in attrs.fields(Capabilities))
Status: TypeAlias = Literal["passed", "failed", "not promised"]


@attrs.frozen
class Outcome:
    """What became of one check; `error` is what it raised."""

    check: Check
    status: Status
    error: BaseException | None = None


@attrs.frozen
class ConformanceReport:
    """What a store keeps of what it owes and promises. `str()` of it is for people.

    `untested` are capabilities that the store declares and this suite has no check for.
    """

    backend: str
    outcomes: tuple[Outcome, ...]
    untested: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The outcomes of the checks that failed."""
        return tuple(one for one in self.outcomes if one.status == "failed")

    def by_capability(self) -> dict[str | None, tuple[Outcome, ...]]:
        """The outcomes under the capability they belong to; None: what every store owes."""
        names = dict.fromkeys(one.check.capability for one in self.outcomes)
        return {
            name: tuple(one for one in self.outcomes if one.check.capability == name)
            for name in names
        }

    def __str__(self) -> str:
        lines = [f"conformance of {self.backend}: {_counts(self.outcomes)}"]
        for capability, outcomes in self.by_capability().items():
            lines.append(f"  {capability or 'owed by every store'}: {_counts(outcomes)}")
            for one in outcomes:
                if one.status == "failed":
                    what = f"{type(one.error).__name__}: {one.error}"
                    lines += [f"    {one.check.group}: {one.check.name}", f"      {one.check.rule}"]
                    lines += ["      " + line for line in what.splitlines()]
        lines += [f"  {name}: promised, and not checked here" for name in self.untested]
        return "\n".join(map(one_line, lines))


def _counts(outcomes: tuple[Outcome, ...]) -> str:
    statuses: tuple[Status, ...] = ("passed", "failed", "not promised")
    found = [(sum(one.status == status for one in outcomes), status) for status in statuses]
    return ", ".join(f"{count} {status}" for count, status in found if count)


async def run_conformance(
    open_store: OpenStore, *, only: Iterable[Check] | None = None
) -> ConformanceReport:
    """Run every check, or those of `only`, each in a temporary folder of its own.

    `open_store` is given the folder and answers an open store that keeps its data there, or
    nowhere. Raises only what the first opening of a store raises.
    """
    chosen = registered() if only is None else tuple(only)
    with tempfile.TemporaryDirectory(prefix="a3s-conformance-") as folder:
        first = Path(folder, "first")
        first.mkdir()
        async with StoreMaker(open_store, first).session(None) as store:
            backend, promised = store.backend_name, store.capabilities()
        outcomes: list[Outcome] = []
        for number, check in enumerate(chosen):
            place = Path(folder, str(number))
            place.mkdir()
            outcomes.append(await _outcome(check, StoreMaker(open_store, place)))
    known = {check.capability for check in registered()}
    untested = tuple(n for n in _CAPABILITIES if getattr(promised, n) and n not in known)
    return ConformanceReport(backend, tuple(outcomes), untested)


async def _outcome(check: Check, maker: StoreMaker) -> Outcome:
    try:
        await check.run(maker)
    except NotSupported as reason:
        return Outcome(check, "not promised", reason)
    except Exception as error:  # whatever a store raises is a finding, not the end of the report
        return Outcome(check, "failed", error)
    return Outcome(check, "passed")
