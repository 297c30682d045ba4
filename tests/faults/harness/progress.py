"""How far the turns of each session have come: begun and acknowledged."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from tests.faults.harness.forks import Child
from tests.faults.harness.shim import Operation


@attrs.define
class Progress:
    """Turns by session number: acknowledged ones must be stored, begun ones may be."""

    begun: dict[int, int] = attrs.field(factory=dict)
    acknowledged: dict[int, int] = attrs.field(factory=dict)

    @classmethod
    def of(cls, sessions: Iterable[int], turns: int = 0) -> Progress:
        """Progress of sessions that have so many turns each."""
        numbers = list(sessions)
        return cls(dict.fromkeys(numbers, turns), dict.fromkeys(numbers, turns))

    def take(self, child: Child) -> int:
        """Take in the lines "begun" and "acknowledged" of a child; return how many saves it did."""
        for number, turn in child.sent("begun"):
            self.begun[number] = turn
        for number, turn in child.sent("acknowledged"):
            self.acknowledged[number] = turn
        return len(child.sent("acknowledged"))

    def nothing_in_flight(self) -> None:
        """Treat begun turns without acknowledgement as refused: they must not be stored."""
        self.begun = dict(self.acknowledged)

    def follow(self, operation: Operation) -> None:
        """Take in a recorded operation, if it is a write to the file of marks."""
        if operation.is_marks and operation.data:
            self.read(operation.data)

    def read(self, marks: bytes) -> None:
        """Take in lines of a file of marks; `scenarios.Marks` writes them."""
        for line in marks.splitlines():
            what, number, turn = line[:1], *map(int, line[1:].split())
            if what == b"B":
                self.begun[number] = max(self.begun.get(number, 0), turn)
            elif what == b"A":
                self.acknowledged[number] = max(self.acknowledged.get(number, 0), turn)
            elif what == b"D":
                self.acknowledged[number] = 0
            else:
                self.begun[number] = 0
