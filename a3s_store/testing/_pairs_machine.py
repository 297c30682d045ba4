"""The state machine without its rules: run steps on every pair, compare, and draw ids."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, TypeAlias

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule

from a3s_store.backends.memory import MemorySessionStore
from a3s_store.core.protocol import Inventoried, Verifiable
from a3s_store.models import SessionData
from a3s_store.testing import strategies
from a3s_store.testing._pairs import (
    Clock,
    OpenStore,
    Pair,
    Step,
    generations_of,
    list_ids,
    look_at,
    take_snapshot,
)

Names: TypeAlias = Collection[str]
NEW: Final = SessionData(id="new", created_at=0, updated_at=0)


class PairsMachine(RuleBasedStateMachine):
    """Runs every step on each pair of a store and its model, and compares the results."""

    openers: ClassVar[Mapping[str, OpenStore]] = {}
    refusing: ClassVar[Collection[str]] = ()
    clock: ClassVar[Clock | None] = None

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.used: set[str] = set()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="a3s-machine-")
        self.pairs: list[Pair] = []
        for number, (name, open_store) in enumerate(self.openers.items()):
            place = Path(self.folder.name, str(number))
            place.mkdir()
            pair = Pair(name, open_store, place, name in self.refusing)
            if self.clock is not None:
                pair.model = MemorySessionStore(clock=self.clock)
            self.pairs.append(pair)
        self.each(Pair.open)

    def each(self, work: Callable[[Pair], Awaitable[None]]) -> None:
        """Run `work` on each pair, one after the other."""

        async def all_of_them() -> None:
            for pair in self.pairs:
                await work(pair)

        self.runner.run(all_of_them())

    def change(
        self, what: str, step: Step, *ids: str, special: Step | None = None, needs: Names = ()
    ) -> None:
        """Run a step that writes, then compare everything stored under these ids.

        Stores that promise all the capabilities `needs` run the step `special` instead, if there is
        one. The generations of stores that have them are compared with the model's, so that a write
        has the same number in both.
        """
        self.used.update(ids)

        async def work(pair: Pair) -> None:
            chosen = step if special is None or not pair.promises(*needs) else special
            await pair.write(f"{what} {ids}", chosen)
            for one in ids:
                await pair.read(f"load_snapshot {one!r} after {what}", take_snapshot(one))
                if pair.has_generations:
                    await pair.read(f"generations of {one!r} after {what}", generations_of(one))
            await pair.read(f"list after {what}", list_ids)

        self.each(work)

    def teardown(self) -> None:
        """Compare everything, before and after reopening, and close the stores."""
        try:
            if all(pair.store is not None for pair in self.pairs):
                self.each(self.compare_everything)
                self.each(Pair.reopen)
                self.each(self.compare_everything)
        finally:
            try:
                self.each(_close)
            finally:
                self.runner.close()
                self.folder.cleanup()

    async def compare_everything(self, pair: Pair) -> None:
        """Compare every id that was used, and the inventory, and verify the store if it can."""
        for one in sorted(self.used):
            await pair.read(f"everything of {one!r}", look_at(one))
        if isinstance(pair.store, Inventoried):
            await pair.read("inventory", lambda store: store.inventory())
        if isinstance(pair.store, Verifiable):
            report = await pair.store.verify(depth="deep")
            assert report.ok, f"{pair.name}: {'; '.join(map(str, report.damage))}"

    # -- Ids ----------------------------------------------------------------------------------

    @initialize(
        target=ids,
        found=st.lists(strategies.session_ids(colliding=True), min_size=2, max_size=3, unique=True),
    )
    def some_ids(self, found: list[str]) -> Any:
        """Draw two or three ids, most of which share a file."""
        return multiple(*found)

    @rule(target=ids, one=strategies.session_ids())
    def another_id(self, one: str) -> str:
        """Draw one more id."""
        return one


async def _close(pair: Pair) -> None:
    if pair.store is not None:
        await pair.store.close()
