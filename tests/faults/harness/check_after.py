"""After an attack: another process holds what is there against what was said, and saves on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import attrs

from tests.faults.harness import store_under_test
from tests.faults.harness.forks import Child

# Seconds in which a process that nobody attacks any more has to end.
PATIENCE: Final = 60.0


@attrs.define
class Said:
    """What is known of a file: the turns of each session that must be there, and may be."""

    acknowledged: dict[int, int]
    begun: dict[int, int]

    @classmethod
    def sessions(cls, count: int, turns: int = 0) -> Said:
        """So many sessions that have so many turns each."""
        return cls(dict.fromkeys(range(count), turns), dict.fromkeys(range(count), turns))

    def by(self, child: Child) -> int:
        """Take down what a child began and what was acknowledged to it; answers how many saves."""
        for number, turn in child.said("begun"):
            self.begun[number] = turn
        for number, turn in child.said("acknowledged"):
            self.acknowledged[number] = turn
        return len(child.said("acknowledged"))

    def nothing_in_flight(self) -> None:
        """What was begun and not acknowledged was refused, so it must not be there."""
        self.begun = dict(self.acknowledged)


def go_on(open_store: store_under_test.Open, path: Path, seed: str, said: Said, turns: int) -> str:
    """Check a file, save so many turns of each session, check again, close: what is wrong, if any.

    Afterwards a single file must be left.
    """

    async def main() -> None:
        async with open_store(path) as store:
            found = await store_under_test.check(store, seed, said.acknowledged, said.begun)
            for number, last in found.items():
                for turn in range(last + 1, last + 1 + turns):
                    await store_under_test.save_turn(store, seed, number, turn)
            wanted = {number: last + turns for number, last in found.items()}
            await store_under_test.check(store, seed, wanted, wanted)

    child = Child(lambda say: asyncio.run(main()))
    if child.finish(PATIENCE) != 0:
        return f"afterwards: {'; '.join(text for (text,) in child.said('error')) or 'it hangs'}"
    left = sorted(found.name for found in path.parent.iterdir())
    return "" if left == [path.name] else f"afterwards these files are left: {left}"
