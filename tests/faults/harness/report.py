"""What a campaign answers: what was tried, how often, and what came of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

import attrs

# "short" is for every build, "long" is run by hand; a number is a size of the campaign's own.
Size = Literal["short", "long"]
# How many failures are told in full.
_TOLD = 8


@attrs.define(kw_only=True)
class Report:
    """The outcome of one campaign. It is written as it goes on."""

    campaign: str
    subject: str
    seed: int
    counts: Counter[str] = attrs.field(factory=Counter)  # what was tried and seen, by name
    failures: list[str] = attrs.field(factory=list)  # each broken promise, with what repeats it
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every promise was kept."""
        return not self.failures

    @property
    def is_enough(self) -> bool:
        """Whether so many promises were broken that more would tell nothing new."""
        return len(self.failures) >= _TOLD

    def add(self, **counts: int) -> None:
        """Count what was tried."""
        self.counts.update(counts)

    def fail(self, what: str) -> None:
        """Note a broken promise."""
        self.failures.append(what)

    def lines(self) -> Iterable[str]:
        """The report for people."""
        state = "ok" if self.ok else f"FAILED {len(self.failures)} times"
        counts = ", ".join(
            f"{count} {name.replace('_', ' ')}" for name, count in self.counts.items()
        )
        head = f"{self.campaign} on {self.subject}, seed {self.seed}: {state}"
        yield f"{head}; {counts}; {self.seconds:.0f} s"
        for failure in self.failures[:_TOLD]:
            yield f"    {failure}"
        if len(self.failures) > _TOLD:
            yield f"    and {len(self.failures) - _TOLD} more"

    def as_json(self) -> str:
        """The report for programs, one line."""
        fields: dict[str, Any] = {**attrs.asdict(self), "counts": dict(self.counts), "ok": self.ok}
        return json.dumps(fields)
