"""Each workload runs with all engines of our own and returns plausible figures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

import pytest

from a3s_store import SessionSnapshot
from benchmarks import report, results
from benchmarks.engine import Engine, Keeps
from benchmarks.engines import OWN
from benchmarks.results import Measurement
from benchmarks.workloads import WORKLOADS
from tests.unit.benchmarks import tiny

STORES = {name for name, engine in OWN.items() if not engine.floor}
PERSISTENT = {name for name in STORES if OWN[name].persistent}
# Who takes part in each, in at least one case.
EXPECTED = {
    "turn": set(OWN),
    "load": {*STORES, "orjson-loads"},
    "listing": {"sqlite", "sqlite-normal", "upstream-files", "sqlite3-query"},
    "savers": {*STORES, "sqlite3-one-each", "sqlite3-batches-of-16"},
    "open": PERSISTENT,
    "size": PERSISTENT,
    "processes": {"sqlite", "file"},
    "stall": {*STORES, "nothing"},
    "adapters": {"sqlite"},  # and peers, each with our adapter beside it, where they are installed
    "upstream": STORES,
}


def check(measurement: Measurement) -> None:
    """A figure is a number, a word or None; nothing failed, and nothing was lost."""
    assert "error" not in measurement.figures, measurement
    assert not measurement.figures.get("errors")
    assert not measurement.figures.get("lost")
    for name, value in measurement.figures.items():
        assert value is None or isinstance(value, int | float | str), name
        if isinstance(value, float):
            assert math.isfinite(value), name
            assert value >= 0, name


def test_every_workload_has_a_test() -> None:
    assert EXPECTED.keys() == WORKLOADS.keys()


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_measures_every_engine_that_can_take_part(name: str, scratch: Path) -> None:
    found = tiny.run(name, tiny.plan(scratch))
    assert {measurement.engine for measurement in found} == EXPECTED[name]
    assert {measurement.workload for measurement in found} == {name}
    for measurement in found:
        check(measurement)
    cases = [(m.engine, *sorted(m.case.items())) for m in found]
    assert len(cases) == len(set(cases)), "one measurement for each engine and case"
    whole = tiny.results(found)
    results.write(whole, scratch / "run.json")
    again = results.read(scratch / "run.json")
    assert [m.case for m in again.measurements] == [m.case for m in found]
    page = report.markdown(again, "run")
    for view in WORKLOADS[name].views:
        figures = {figure for m in found for figure in m.figures}
        assert view.figure in {*figures, "syncs"}, "a view of a figure that no workload measures"
    assert f"## {WORKLOADS[name].number} {WORKLOADS[name].title}" in page


class Broken(Engine):
    """An engine that cannot save twice."""

    label = "broken"
    keeps: ClassVar[Keeps] = "everything"
    durable = False
    saved = False

    async def seed(self, snapshot: SessionSnapshot) -> None:
        self.saved = True

    async def save(self, prepared: Any) -> None:
        raise OSError(f"the disk of {self.folder} is full")


def test_an_engine_that_fails_is_named_and_the_others_go_on(scratch: Path) -> None:
    found = tiny.run("turn", tiny.plan(scratch, {"broken": Broken, "memory": OWN["memory"]}))
    broken = [m for m in found if m.engine == "broken"]
    assert {m.figures["error"] for m in broken} == {"OSError"}, "no message: it may hold a path"
    assert all("median_ms" in m.figures for m in found if m.engine == "memory")
    assert "Failed: broken (OSError)" in report.markdown(
        tiny.results(found, labels={"broken": "broken"}), "run"
    )


def test_ratios_are_taken_within_one_case(scratch: Path) -> None:
    engines = {name: OWN[name] for name in ("sqlite", "sqlite3-floor")}
    whole = tiny.results(tiny.run("turn", tiny.plan(scratch, engines)))
    for measurement in whole.of("turn"):
        floor = whole.find("turn", "sqlite3-floor", **measurement.case)
        assert floor is not None
        expected = measurement.figures["median_ms"] / floor.figures["median_ms"]  # type: ignore[operator]
        assert measurement.figures["ratio"] == pytest.approx(expected)
    assert whole.number("turn", "sqlite3-floor", "ratio", form="messages", messages=4) == 1
