"""The report of a campaign: counts of attempts and outcomes, and the broken promises."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, Literal

import attrs

# "short" runs in every build, "long" by hand.
Size = Literal["short", "long"]
# A campaign that looks for one broken promise makes so many times the attempts: it ends when it
# found it.
_LOOKING: Final = 4
# A campaign stops after so many broken promises, and prints so many.
ENOUGH: Final = 8


@attrs.define(kw_only=True)
class Report:
    """The outcome of one campaign, written while the campaign runs."""

    campaign: str
    subject: str  # the store under attack, as `store_under_test.find` takes it
    seed: int
    stop_at: str | None = None  # stop at the first broken promise with this text, at no other
    counts: Counter[str] = attrs.field(factory=Counter)  # attempts and outcomes by name
    failures: list[str] = attrs.field(factory=list)  # broken promises, with how to repeat each
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every promise was kept."""
        return not self.failures

    @property
    def is_enough(self) -> bool:
        """Whether enough promises were broken to stop, or the one that is looked for."""
        if self.stop_at is None:
            return len(self.failures) >= ENOUGH
        return any(self.stop_at in one for one in self.failures)

    @property
    def times(self) -> int:
        """How many times as many attempts to make as the size says."""
        return 1 if self.stop_at is None else _LOOKING

    def share(self) -> Report:
        """An empty report for a part of the campaign, to be added to this one."""
        return attrs.evolve(self, counts=Counter(), failures=[])

    def add(self, *, slowest_ms: int = 0, **counts: int) -> None:
        """Add to the counts by name; of `slowest_ms` the largest value is kept."""
        self.counts.update(counts)
        if slowest_ms > self.counts["slowest_ms"]:
            self.counts["slowest_ms"] = slowest_ms

    def fail(self, what: str) -> None:
        """Add a broken promise."""
        self.failures.append(what)

    def lines(self) -> Iterable[str]:
        """The report as lines of text: one of counts, then one for each of the first failures."""
        state = "ok" if self.ok else f"FAILED {len(self.failures)} times"
        counts = ", ".join(
            f"{count} {name.replace('_', ' ')}" for name, count in self.counts.items()
        )
        head = f"{self.campaign} on {self.subject}, seed {self.seed}: {state}"
        yield f"{head}; {counts}; {self.seconds:.0f} s"
        for failure in self.failures[:ENOUGH]:
            yield f"    {failure}"
        if len(self.failures) > ENOUGH:
            yield f"    and {len(self.failures) - ENOUGH} more"

    def as_json(self) -> str:
        """The report as one line of JSON."""
        fields: dict[str, Any] = {**attrs.asdict(self), "counts": dict(self.counts), "ok": self.ok}
        return json.dumps(fields)
