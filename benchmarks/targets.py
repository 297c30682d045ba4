"""What the SQLite store wants to reach, and whether a run says that it does.

Every target is a ratio within one run or a count, but for a few bounds in milliseconds that people
feel. Some ask more when every sync is made to take 2 ms, as on a slow disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal

import attrs

from benchmarks.results import Results

_OURS: Final = "sqlite"
_REWRITE: Final = "upstream-files"
_LONG: Final = 10_000
_CROWD: Final = 16


@attrs.frozen
class Target:
    """A limit of a figure. `measure` returns the figure, None when it was not measured."""

    name: str
    sign: Literal["<=", ">="]
    limit: float
    measure: Callable[[Results], float | None]
    unit: str = "x"

    def met(self, results: Results) -> bool | None:
        """Whether the run reached it; None when it did not measure it."""
        value = self.measure(results)
        if value is None:
            return None
        return value <= self.limit if self.sign == "<=" else value >= self.limit


def targets(results: Results) -> list[Target]:
    """The targets that apply to a run."""
    slow = results.settings.get("slow_sync") is not None
    return [
        Target(
            "Full turn, times the raw sqlite3 transaction of the same rows, worst length to 10 000",
            "<=",
            1.2 if slow else 2.0,
            _worst_turn_ratio,
        ),
        Target("Full turn at 10 000 messages, times that at 100", "<=", 1.3, _growth("median_ms")),
        Target("Its bytes at 10 000, times those at 100", "<=", 1.1, _growth("written_bytes")),
        Target("Syncs per save, worst length", "<=", 1.05, _worst_syncs, ""),
        Target("Bytes, times (4 x payload + 16 KB), worst length", "<=", 1.0, _bytes_allowed),
        Target(
            "Faster than rewriting files, 10 000, full", ">=", 100, _gain(_REWRITE, "median_ms")
        ),
        Target("Fewer bytes than rewriting files", ">=", 800, _gain(_REWRITE, "written_bytes")),
        Target("Faster than LangGraph, 10 000, messages", ">=", 80, _over("langgraph")),
        Target("Fewer bytes than LangGraph", ">=", 500, _over("langgraph", "written_bytes")),
        Target("Never slower than openai-agents, worst length", "<=", 1.0, _worst_openai),
        Target("16 savers: syncs per save", "<=", 0.07, _crowd("syncs"), ""),
        Target("16 savers: of raw batches of 16", ">=", 0.85, _crowd("ratio")),
        Target(
            "16 savers: times raw sqlite3 with a commit for each save",
            ">=",
            8 if slow else 2.5,
            _crowd_over("sqlite3-one-each", "everything"),
        ),
        Target("16 sessions: times openai-agents", ">=", 8, _crowd_peer("openai-agents")),
        Target("16 sessions: times LangGraph", ">=", 10, _crowd_peer("langgraph")),
        Target("16 sessions: times Google ADK", ">=", 100, _crowd_peer("google-adk")),
        Target(
            "First load of 10 000 messages, collector paused, times orjson.loads",
            "<=",
            2.5,
            _first_load,
        ),
        Target("Load again unchanged, worst length", "<=", 0.5, _load_again, "ms"),
        Target("Longest stall by a load or save of 10 000 messages", "<=", 10, _stall, "ms"),
        Target("Save on a loop that is never idle", "<=", 50, _never_idle, "ms"),
        Target("Two processes: errors and lost sessions", "<=", 0, _process_faults, ""),
        Target("Two processes: longest save", "<=", 150, _process_wait, "ms"),
        Target("List with summaries, times the bare query", "<=", 1.2, _listing),
        Target("Faster than reading files for the list", ">=", 10, _listing_gain),
    ]


def _lengths(results: Results) -> list[int]:
    return [length for length in results.settings["lengths"] if length <= _LONG]


def _worst(values: Iterable[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return max(found, default=None)


def _divided(above: float | None, below: float | None) -> float | None:
    return None if above is None or not below else above / below


def _turn(
    results: Results, figure: str, length: int, engine: str = _OURS, form: str = "everything"
) -> float | None:
    return results.number("turn", engine, figure, form=form, messages=length)


def _worst_turn_ratio(results: Results) -> float | None:
    return _worst(_turn(results, "ratio", length) for length in _lengths(results))


def _worst_syncs(results: Results) -> float | None:
    return _worst(_turn(results, "syncs", length) for length in _lengths(results))


def _bytes_allowed(results: Results) -> float | None:
    def share(length: int) -> float | None:
        payload = _turn(results, "payload_bytes", length)
        allowed = None if payload is None else 4 * payload + 16 * 1024
        return _divided(_turn(results, "written_bytes", length), allowed)

    return _worst(share(length) for length in _lengths(results))


def _growth(figure: str) -> Callable[[Results], float | None]:
    return lambda results: _divided(_turn(results, figure, _LONG), _turn(results, figure, 100))


def _gain(other: str, figure: str, form: str = "everything") -> Callable[[Results], float | None]:
    return lambda results: _divided(
        _turn(results, figure, _LONG, other, form), _turn(results, figure, _LONG, form=form)
    )


def _over(peer: str, figure: str = "median_ms") -> Callable[[Results], float | None]:
    return lambda results: _divided(
        _turn(results, figure, _LONG, _peer(results, peer), "messages"),
        _turn(results, figure, _LONG, form="messages"),
    )


def _peer(results: Results, prefix: str) -> str:
    """The name of the first engine that begins like this: a peer may have several ways to save."""
    return next((name for name in results.labels if name.startswith(prefix)), prefix)


def _worst_openai(results: Results) -> float | None:
    peer = _peer(results, "openai-agents")
    return _worst(
        _divided(
            _turn(results, "median_ms", length, form="messages"),
            _turn(results, "median_ms", length, peer, "messages"),
        )
        for length in _lengths(results)
    )


def _crowd(figure: str) -> Callable[[Results], float | None]:
    return lambda results: results.number("savers", _OURS, figure, form="everything", savers=_CROWD)


def _crowd_over(other: str, form: str) -> Callable[[Results], float | None]:
    def times(results: Results) -> float | None:
        case: dict[str, str | int] = {"form": form, "savers": _CROWD}
        return _divided(
            results.number("savers", _OURS, "saves_per_second", **case),
            results.number("savers", other, "saves_per_second", **case),
        )

    return times


def _crowd_peer(prefix: str) -> Callable[[Results], float | None]:
    return lambda results: _crowd_over(_peer(results, prefix), "messages")(results)


def _first_load(results: Results) -> float | None:
    return results.number("load", _OURS, "ratio", how="fresh, collector paused", messages=_LONG)


def _load_again(results: Results) -> float | None:
    return _worst(
        results.number("load", _OURS, "median_ms", how="again", messages=length)
        for length in results.settings["lengths"]
    )


def _stall(results: Results) -> float | None:
    return _worst(
        results.number("stall", _OURS, "stall_ms", during=during, messages=_LONG)
        for during in ("load", "save", "first save")
    )


def _never_idle(results: Results) -> float | None:
    return results.number("stall", _OURS, "busy_ms", loop="never idle")


def _process_faults(results: Results) -> float | None:
    found = [m for m in results.of("processes") if m.engine == _OURS and m.case["processes"] == 2]
    if not found:
        return None
    return sum(float(m.figures[name] or 0) for m in found for name in ("errors", "lost"))


def _process_wait(results: Results) -> float | None:
    return _worst(
        results.number("processes", _OURS, "longest_ms", processes=2, savers=savers)
        for savers in (1, 8)
    )


def _listing(results: Results) -> float | None:
    return results.number("listing", _OURS, "ratio", sessions=10_000)


def _listing_gain(results: Results) -> float | None:
    return _divided(
        results.number("listing", _REWRITE, "median_ms", sessions=10_000),
        results.number("listing", _OURS, "median_ms", sessions=10_000),
    )
