"""A page and pictures come of a results file, and the pictures can be read."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import charts, report, results
from benchmarks.charts import Chart, Series
from benchmarks.results import Measurement
from benchmarks.targets import targets
from tests.unit.benchmarks import tiny

SVG = "{http://www.w3.org/2000/svg}"


def measured(workload: str, engine: str, case: dict[str, Any], **figures: Any) -> Measurement:
    return Measurement(workload=workload, engine=engine, case=case, figures=figures)


def turns(engine: str, *medians: float, form: str = "everything") -> list[Measurement]:
    return [
        measured("turn", engine, {"form": form, "messages": 10**n}, median_ms=value, ratio=value)
        for n, value in enumerate(medians, 1)
    ]


def texts(svg: str, kind: str) -> list[ElementTree.Element]:
    found = ElementTree.fromstring(svg).iter(f"{SVG}text")
    return [element for element in found if element.get("class") == kind]


def chart(*series: Series) -> Chart:
    return Chart(title="A & B", subtitle="<x>", x_label="x", y_label="y", series=series)


def test_the_page_and_the_pictures_of_a_run(tmp_path: Path) -> None:
    found = turns("sqlite", 0.8, 0.8, 0.9, 0.9) + turns("upstream-files", 2, 3, 13, 128)
    for savers in (1, 16):
        case = {"form": "everything", "savers": savers}
        found.append(measured("savers", "sqlite", case, saves_per_second=1800.0 * savers))
    results.write(tiny.results(found), tmp_path / "run.json")
    written = report.write(results.read(tmp_path / "run.json"), tmp_path, "run")
    assert [path.name for path in written] == ["run.md", "run-turn.svg", "run-savers.svg"]
    page = (tmp_path / "run.md").read_text(encoding="utf-8")
    assert "| **a3s_store SQLite** | 0.8 (x0.8) | 0.8 (x0.8) | 0.9 (x0.9) | 0.9 (x0.9) |" in page
    assert "![run-turn](run-turn.svg)" in page
    assert "| Faster than rewriting files, 10 000, full | >= 100 x | 142 x | met |" in page
    assert "a3s_store memory *" not in page, "it was not measured"
    svg = (tmp_path / "run-turn.svg").read_text(encoding="utf-8")
    named = {element.text for element in texts(svg, "label")}
    assert named == {"a3s_store SQLite", "upstream 3.3.0 files"}


def test_names_in_a_picture_never_overlap() -> None:
    """Eleven lines that end at the same place, as stores of one speed do."""
    lines = [Series(label=f"store {n}", points=((1, 1), (10, 5 + n / 1e6))) for n in range(11)]
    svg = charts.render(chart(*lines, Series(label="far", points=((1, 1), (10, 900)))))
    for kind in ("label", "value"):
        found = texts(svg, kind)
        assert len(found) == 12
        places = sorted(float(element.get("y", "")) for element in found)
        gaps = [b - a for a, b in itertools.pairwise(places)]
        assert min(gaps) >= float(found[0].get("font-size", "")) * 1.2
        assert 0 < places[0] < places[-1] < charts.HEIGHT


def test_ticks_of_the_axes_keep_apart_and_inside() -> None:
    lengths = (10.0, 100.0, 1000.0, 10_000.0, 25_600.0)
    svg = charts.render(chart(Series(label="s", points=tuple((x, x / 7) for x in lengths))))
    notes = texts(svg, "note")
    across = sorted(float(e.get("x", "")) for e in notes if e.get("text-anchor") == "middle")
    up = sorted(float(e.get("y", "")) for e in notes if e.get("text-anchor") == "end")
    assert min(b - a for a, b in itertools.pairwise(up)) > 15
    assert across[-1] < charts.WIDTH
    assert "A &amp; B" in svg
    assert "&lt;x&gt;" in svg


def test_a_picture_leaves_out_single_points_and_refuses_to_be_empty() -> None:
    with pytest.raises(ValueError, match="no engine"):
        charts.render(chart(Series(label="s", points=((1, 1),))))


def test_names_are_moved_as_little_as_possible() -> None:
    assert charts.spread([10, 50], 20, 0, 100) == [10, 50]
    assert charts.spread([10, 12], 20, 0, 100) == [10, 30]
    assert charts.spread([95, 99], 20, 0, 100) == [80, 100]
    assert charts.spread([], 20, 0, 100) == []


def test_targets_that_were_not_measured_say_so() -> None:
    empty = tiny.results([])
    assert [target.met(empty) for target in targets(empty)] == [None] * len(targets(empty))


def test_targets_are_met_or_not() -> None:
    run = tiny.results(turns("sqlite", 1.9, 1.5), settings={"lengths": (10, 100)})
    first = targets(run)[0]
    assert (first.measure(run), first.met(run)) == (1.9, True)
    slow = tiny.results(turns("sqlite", 1.9), settings={"lengths": (10,), "slow_sync": "2ms"})
    assert targets(slow)[0].met(slow) is False, "with slow syncs more is asked"


def test_a_run_in_memory_says_what_it_is_worth() -> None:
    machine = {**tiny.results([]).machine, "filesystem": "tmpfs"}
    assert "a sync costs nothing" in report.markdown(tiny.results([], machine=machine), "run")


def test_numbers_are_short() -> None:
    assert [report.digits(v) for v in (0, 0.0123, 1.5, 12.34, 80, 12_345)] == [
        "0",
        "0.0123",
        "1.5",
        "12.3",
        "80",
        "12 345",
    ]
    assert [report.size(v) for v in (10, 2048, 5 * 1024**2)] == ["10 B", "2 KB", "5 MB"]


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(ValueError, match="format"):
        results.read(tmp_path / "x.json")
