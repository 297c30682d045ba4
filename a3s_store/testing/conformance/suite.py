"""The registry of checks, `StoreMaker`, which opens the store under test, and the report.

A check is an async function that raises AssertionError when the store breaks the rule, and
`NotSupported` when the store lacks the capability. It opens stores through a `StoreMaker`, all at
one place, which is empty at first.
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
    """The store does not declare the capability of this check; a skip, not a failure."""


@attrs.define
class StoreMaker:
    """Opens the store under test at one place: a folder of one check, empty at first."""

    open_store: OpenStore
    place: Path
    opened: list[SessionStore] = attrs.field(factory=list)

    async def open(self) -> SessionStore:
        """Open one more store at this place; `close_all` closes it if the check does not."""
        store = await self.open_store(self.place)
        self.opened.append(store)
        return store

    async def reopen(self) -> SessionStore:
        """Close every store at this place, then open one again."""
        await self.close_all()
        return await self.open()

    async def close_all(self) -> None:
        """Close every store that was opened."""
        while self.opened:
            await self.opened.pop().close()

    @contextlib.asynccontextmanager
    async def session(self, capability: str | None) -> AsyncIterator[SessionStore]:
        """Open a store and close it afterwards.

        Raises: NotSupported when it does not declare `capability`; None: any store will do.
        """
        store = await self.open()
        try:
            if capability is not None and not getattr(store.capabilities(), capability):
                raise NotSupported(f"{store.backend_name} does not promise {capability}")
            yield store
        finally:
            await self.close_all()


# A store that deadlocks fails its check and does not stop the run.
_TIMEOUT_SECONDS: Final = 120


@attrs.frozen
class Check:
    """One check: `capability` is a field of `Capabilities`; None: it applies to every store."""

    name: str
    capability: str | None
    group: str
    rule: str
    body: Callable[[SessionStore, StoreMaker], Awaitable[None]] = attrs.field(repr=False)

    def __str__(self) -> str:
        return self.name

    async def run(self, maker: StoreMaker) -> None:
        """Run the check on an open store of `maker`; all its stores are closed afterwards.

        Raises: AssertionError when the store breaks the rule; NotSupported when it does not declare
            the capability; TimeoutError after 120 seconds.
        """
        async with asyncio.timeout(_TIMEOUT_SECONDS), maker.session(self.capability) as store:
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
    """Register the decorated function as a check; its first argument is an open store.

    With `cases` it becomes one check for each (label, value), and the value is its second argument.
    With `reopens` its last argument is the `StoreMaker`. The first line of its docstring is the
    rule.
    """
    assert capability is None or capability in _CAPABILITIES, capability
    listed: list[tuple[str, tuple[Any, ...]]] = [
        (f"[{label}]", (value,)) for label, value in cases
    ] or [("", ())]

    def register(function: Body) -> Body:
        rule = (function.__doc__ or "").strip().split("\n")[0]
        assert rule, f"{function.__name__} has no docstring"
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
    """Return all registered checks, in the order in which their modules were imported."""
    return tuple(_CHECKS)


_CAPABILITIES: Final = tuple(field.name for field in attrs.fields(Capabilities))
Status: TypeAlias = Literal["passed", "failed", "not promised"]


@attrs.frozen
class Outcome:
    """The result of one check; `error` is the exception that it raised, None if it passed."""

    check: Check
    status: Status
    error: BaseException | None = None


@attrs.frozen
class ConformanceReport:
    """The results of all checks on one store; `str()` of it is a report for people.

    `untested` are capabilities that the store declares and for which the suite has no check.
    """

    backend: str
    outcomes: tuple[Outcome, ...]
    untested: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Return whether no check failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """Return the outcomes of the checks that failed."""
        return tuple(one for one in self.outcomes if one.status == "failed")

    def by_capability(self) -> dict[str | None, tuple[Outcome, ...]]:
        """Return the outcomes by capability; None: the checks that apply to every store."""
        names = dict.fromkeys(one.check.capability for one in self.outcomes)
        return {
            name: tuple(one for one in self.outcomes if one.check.capability == name)
            for name in names
        }

    def __str__(self) -> str:
        lines = [f"conformance of {self.backend}: {_counts(self.outcomes)}"]
        for capability, outcomes in self.by_capability().items():
            lines.append(f"  {capability or 'every store'}: {_counts(outcomes)}")
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
    """Run all checks, or those of `only`, each in a temporary folder of its own.

    `open_store` takes the folder and returns an awaitable of an open store, which keeps its data
    there or in memory. Exceptions of checks become outcomes; only the first opening of a store, at
    which its name and capabilities are read, raises its own.
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
    except Exception as error:  # any error of a store is an outcome, and the report goes on
        return Outcome(check, "failed", error)
    return Outcome(check, "passed")
