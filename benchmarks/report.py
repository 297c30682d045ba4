"""A run as Markdown and pictures: targets first, then a table for each question."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal

from benchmarks import charts
from benchmarks.charts import Chart, Series
from benchmarks.machine import is_in_memory
from benchmarks.results import Measurement, Results
from benchmarks.targets import targets
from benchmarks.workload import View, Workload
from benchmarks.workloads import WORKLOADS

_OURS: Final = "sqlite"
# These would fill the picture without saying more.
_NOT_DRAWN: Final = frozenset({"memory", "overwrite-fsync"})
_NOTES: Final = {
    "orjson-loads": "floor: orjson.loads",
    "sqlite3-query": "floor: the bare query",
    "sqlite3-one-each": "floor: sqlite3, one commit each",
    "sqlite3-batches-of-16": "floor: sqlite3, batches of 16",
    "nothing": "floor: nothing runs",
}


def write(results: Results, folder: Path, name: str) -> list[Path]:
    """Write NAME.md and the charts of a run to a folder; return the written paths."""
    pictures = {f"{name}-{what}.svg": chart for what, chart in _charts(results).items()}
    written = []
    for file, chart in pictures.items():
        (folder / file).write_text(charts.render(chart), encoding="utf-8")
        written.append(folder / file)
    page = folder / f"{name}.md"
    page.write_text(markdown(results, name, list(pictures)), encoding="utf-8")
    return [page, *written]


def markdown(results: Results, name: str, pictures: Iterable[str] = ()) -> str:
    """The page of a run."""
    parts = [f"# Benchmark run: {name}", *_about(results)]
    parts += [f"![{file.removesuffix('.svg')}]({file})" for file in pictures]
    if any(found.engine == _OURS for found in results.measurements):
        parts += ["## Targets", _target_table(results)]
    for workload in WORKLOADS.values():
        found = results.of(workload.name)
        if found:
            parts += _section(results, workload, found)
    return "\n\n".join(parts) + "\n"


def _about(results: Results) -> list[str]:
    machine, versions = results.machine, results.versions
    settings = {k: v for k, v in results.settings.items() if v is not None}
    lines = [
        "An asterisk marks what is not durable: a power cut may undo a save that was acknowledged.",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB; "
        f"{machine['kernel']}; stores on {machine['filesystem'] or 'an unknown file system'}.",
        ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
        "Settings: " + ", ".join(f"{k} {_plain(v)}" for k, v in settings.items()) + ".",
    ]
    if results.settings.get("slow_sync"):
        lines.append(f"**Every sync was made to take {results.settings['slow_sync']} at least.**")
    if is_in_memory(machine):
        lines.append(
            "**The stores were in memory, where a sync costs nothing: durable times mean little.**"
        )
    return lines


def _plain(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _target_table(results: Results) -> str:
    rows = ["| target | wanted | measured | |", "| --- | ---: | ---: | --- |"]
    for target in targets(results):
        value = target.measure(results)
        shown = "not measured" if value is None else _with_unit(value, target.unit)
        word = {True: "met", False: "**not met**", None: ""}[target.met(results)]
        wanted = f"{target.sign} {_with_unit(target.limit, target.unit)}"
        rows.append(f"| {target.name} | {wanted} | {shown} | {word} |")
    return "\n".join(rows)


def _with_unit(value: float, unit: str) -> str:
    return f"{digits(value)} {unit}".strip()


def _section(results: Results, workload: type[Workload], found: list[Measurement]) -> list[str]:
    parts = [f"## {workload.number} {workload.title}", (workload.__doc__ or "").strip()]
    for view in workload.views:
        table = _table(results, view, found)
        if table:
            parts += [f"**{view.title}**{_unit_of(view.figure)}", table]
    failed = sorted({(m.engine, str(m.figures["error"])) for m in found if m.figures.get("error")})
    if failed:
        said = ", ".join(f"{_label(results, engine)} ({error})" for engine, error in failed)
        parts.append(f"Failed: {said}.")
    return parts


def _table(results: Results, view: View, found: list[Measurement]) -> str | None:
    """A row for each engine that has the figure, in the order of the registry; None if none has."""
    cells: dict[str, dict[str | int, str]] = {}
    columns: list[str | int] = []
    for one in found:
        value = one.figures.get(view.figure)
        if not view.where.items() <= one.case.items() or view.columns not in one.case:
            continue
        if not isinstance(value, int | float):
            continue
        column = one.case[view.columns]
        columns += [column] if column not in columns else []
        cells.setdefault(one.engine, {})[column] = _cell(view, value, one)
    if not cells:
        return None
    order = [*results.labels, *(engine for engine in cells if engine not in results.labels)]
    heads = [f"{column:,}" if isinstance(column, int) else column for column in columns]
    rows = [
        f"| {view.columns} | " + " | ".join(heads) + " |",
        "| --- |" + " ---: |" * len(columns),
    ]
    for engine in order:
        if engine in cells:
            mark = "**" if engine == _OURS else ""
            row = " | ".join(cells[engine].get(column, "") for column in columns)
            rows.append(f"| {mark}{_label(results, engine)}{mark} | {row} |")
    return "\n".join(rows)


def _cell(view: View, value: float, one: Measurement) -> str:
    shown = size(value) if view.figure.endswith("_bytes") else digits(value)
    if one.figures.get("gave_up"):
        shown = f"> {shown}"
    ratio = one.figures.get("ratio")
    if view.ratio and isinstance(ratio, int | float):
        shown += f" (x{digits(ratio)})"
    return shown


def _label(results: Results, engine: str) -> str:
    label = results.labels.get(engine) or _NOTES.get(engine, engine)
    return f"{label} *" if engine in results.not_durable else label


def _unit_of(figure: str) -> str:
    return ", ms" if figure.endswith("_ms") else ""


def digits(value: float) -> str:
    """A number as people read it: three digits, more only before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"


def size(value: float) -> str:
    """Bytes in KB or MB of 1024."""
    if value >= 1024**2:
        return f"{digits(value / 1024**2)} MB"
    return f"{digits(value / 1024)} KB" if value >= 1024 else f"{value:.0f} B"


# -- Pictures -------------------------------------------------------------------------------------


def _charts(results: Results) -> dict[str, Chart]:
    """What can be drawn of a run, by the end of its file's name."""
    found: dict[str, Chart] = {}
    slow = results.settings.get("slow_sync")
    under = f"{results.machine['cpu']}, {results.machine['filesystem']}" + (
        f"; every sync takes at least {slow}" if slow else ""
    )
    for what, form, kept in (
        ("turn", "everything", "all collections"),
        ("turn-messages", "messages", "messages and usage only"),
    ):
        lines = _series(results, "turn", "median_ms", form, "messages")
        if any(len(line.points) > 1 for line in lines):
            found[what] = Chart(
                title=f"Cost of a save after one turn ({kept})",
                subtitle=f"Median; lower is better; * is not durable. {under}",
                x_label="messages in the session before the turn",
                y_label="milliseconds per save",
                series=lines,
            )
    lines = _series(results, "savers", "saves_per_second", "everything", "savers")
    if any(len(line.points) > 1 for line in lines):
        found["savers"] = Chart(
            title="Turns saved per second, each saver with its own session (all collections)",
            subtitle=f"Higher is better; * is not durable. {under}",
            x_label="concurrent savers in one store",
            y_label="turns saved per second",
            series=lines,
        )
    return found


def _short(label: str) -> str:
    """A label without the method that peers' labels end with; the tables name it."""
    name, dot, rest = label.partition(".")
    if not dot or rest[:1].isdigit():
        return label
    return f"{name} *" if rest.endswith(" *") else name


def _role(label: str, engine: str) -> Literal["ours", "variant", "floor", "other"]:
    if label.startswith("floor"):
        return "floor"
    return "ours" if engine == _OURS else "variant" if engine.startswith(_OURS) else "other"


def _series(
    results: Results, workload: str, figure: str, form: str, key: str
) -> tuple[Series, ...]:
    points: dict[str, list[tuple[float, float]]] = {}
    for one in results.of(workload):
        value = one.figures.get(figure)
        if one.case.get("form") != form or one.engine in _NOT_DRAWN or not value:
            continue
        if isinstance(value, int | float):
            points.setdefault(one.engine, []).append((float(one.case[key]), float(value)))
    order = [*results.labels, *(engine for engine in points if engine not in results.labels)]
    return tuple(
        Series(
            label=_short(_label(results, engine)),
            points=tuple(sorted(points[engine])),
            role=_role(_label(results, engine), engine),
        )
        for engine in order
        if engine in points
    )
