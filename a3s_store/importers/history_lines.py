"""Histories in JSON lines: their first reading, the times in them, and readers of their records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from a3s_store.importers.history import OpaqueRecord, Reader
from a3s_store.importers.json_lines import INCOMPLETE, Line, LineReader
from a3s_store.importers.values import millis_of
from a3s_store.models import SubagentStatus, SubagentTaskSnapshot

# The bytes that are kept of a line that is no record.
MOST_OF_A_LINE: Final = 1 << 16


@attrs.define
class Times:
    """The first and the last time of the records that were noted, in Unix milliseconds."""

    first_ms: int | None = None
    last_ms: int | None = None

    def note(self, record: dict[str, Any]) -> int | None:
        """Note the time of a record, and return it."""
        at_ms = millis_of(record.get("timestamp"))
        if at_ms is not None:
            self.first_ms = at_ms if self.first_ms is None else min(self.first_ms, at_ms)
            self.last_ms = at_ms if self.last_ms is None else max(self.last_ms, at_ms)
        return at_ms


def kept_of(line: Line, lost: Counter[str]) -> tuple[int, int] | None:
    """Count the problem of a line; return the place of what is kept of it, None for a record.

    An incomplete line is still being written: the next import has it whole.
    """
    if line.problem is None:
        return None
    lost[line.problem] += 1
    if line.value is not None or line.problem == INCOMPLETE:
        return None
    return line.offset, min(line.length, MOST_OF_A_LINE)


def finished_task(
    task_id: str, parent_id: str, child_id: str, times: Times, *, agent: str, description: str
) -> SubagentTaskSnapshot:
    """Return the task of a subagent whose session was found: histories do not say how it ended."""
    return SubagentTaskSnapshot(
        task_id=task_id,
        parent_session_id=parent_id,
        child_session_id=child_id,
        agent=agent,
        description=description,
        status=SubagentStatus.COMPLETED,
        started_ms=times.first_ms or 0,
        updated_ms=times.last_ms or 0,
        finished_ms=times.last_ms,
    )


class LinesReader(Reader):
    """Reads records of a file at their places; `others` are those that are no messages."""

    def __init__(self, path: Path, others: Sequence[tuple[int, ...]]) -> None:
        super().__init__()
        self.lines = LineReader(path)
        self._others = others

    def __exit__(self, *_: object) -> None:
        self.lines.__exit__()

    def records(self) -> Iterator[OpaqueRecord]:
        for offset, length, *_ in self._others:
            record = self.lines.value(offset, length)
            if record:
                kind, value = self.opaque(record, offset)
                yield OpaqueRecord(str(offset), kind, value, length)
            else:
                text = {"text": self.lines.text(offset, length)}
                yield OpaqueRecord(str(offset), "line", text, length)

    def opaque(self, record: dict[str, Any], offset: int) -> tuple[str, Any]:
        """Return the kind of a record that is no message, and what is kept of it."""
        raise NotImplementedError
