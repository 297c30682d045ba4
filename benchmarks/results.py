"""What a run found out, as plain values, and the file it is kept in.

A measurement is one engine in one case of a workload. Its figures have names that end in their
unit: `_ms`, `_bytes`, `_per_second`; what has no unit is a count or a ratio within the run. A
figure that could not be measured is None, never a guess.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

Case = Mapping[str, str | int]
Figures = Mapping[str, float | int | str | bool | None]

FORMAT: Final = 1


@attrs.frozen(kw_only=True)
class Measurement:
    """Figures of one engine; `case` says what was varied: the form, the number of messages."""

    workload: str
    engine: str
    case: Case
    figures: Figures


@attrs.frozen(kw_only=True)
class Results:
    """One whole run."""

    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    settings: Mapping[str, Any]
    labels: Mapping[str, str]  # what tables call an engine, by its name
    not_durable: tuple[str, ...]  # engines whose saves a power cut may undo
    measurements: tuple[Measurement, ...]

    def find(self, workload: str, engine: str, **case: str | int) -> Measurement | None:
        """The measurement of this engine in the case that has these values, None if none."""
        for found in self.measurements:
            if (found.workload, found.engine) == (workload, engine) and (
                case.items() <= found.case.items()
            ):
                return found
        return None

    def number(self, workload: str, engine: str, figure: str, **case: str | int) -> float | None:
        """One figure as a number; None when it was not measured."""
        found = self.find(workload, engine, **case)
        value = found.figures.get(figure) if found else None
        return float(value) if isinstance(value, int | float) else None

    def of(self, workload: str) -> list[Measurement]:
        """All measurements of a workload."""
        return [found for found in self.measurements if found.workload == workload]


def with_ratios(
    measurements: Iterable[Measurement], reference: str, figure: str = "median_ms"
) -> list[Measurement]:
    """The same, each with its `ratio` to the reference engine in the same case."""
    every = list(measurements)
    base = {
        tuple(sorted(m.case.items())): m.figures.get(figure) for m in every if m.engine == reference
    }

    def ratio(m: Measurement) -> float | None:
        value, by = m.figures.get(figure), base.get(tuple(sorted(m.case.items())))
        if isinstance(value, int | float) and isinstance(by, int | float) and by:
            return value / by
        return None

    return [attrs.evolve(m, figures={**m.figures, "ratio": ratio(m)}) for m in every]


def write(results: Results, path: Path) -> None:
    """Keep the results as JSON."""
    tree = {"format": FORMAT, **attrs.asdict(results)}
    text = json.dumps(_rounded(tree), indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read(path: Path) -> Results:
    """The results in a file. Raises ValueError when it is of another format."""
    tree = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(tree, dict) or tree.pop("format", None) != FORMAT:
        raise ValueError(f"{path.name} has no results of format {FORMAT}")
    measurements = tuple(Measurement(**m) for m in tree.pop("measurements"))
    not_durable = tuple(tree.pop("not_durable"))
    return Results(measurements=measurements, not_durable=not_durable, **tree)


def _rounded(value: Any) -> Any:
    """Six digits say all that a clock can; a figure that is no number becomes None."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
