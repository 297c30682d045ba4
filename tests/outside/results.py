"""Results of runs, excluded tests, and the table that the README shows of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import attrs

from tests.outside.peers import PEERS

FOLDER: Final = Path(__file__).parent / "results"
EXCLUDED: Final = Path(__file__).with_name("excluded.tsv")


@attrs.frozen(kw_only=True)
class Result:
    """One run: when, with which versions, and how many tests passed.

    `expected` is how many had to pass, `excluded` how many were left out; `own` is how many of our
    own tests of the adapter passed, `own_failed` which did not. `unmatched` are rows of
    `excluded.tsv` that name no test. `source_sha256` is that of the sdist the suite is from.
    """

    peer: str
    date: str
    python: str
    versions: dict[str, str]
    source_sha256: str | None
    passed: int
    failed: tuple[str, ...]
    skipped: int
    excluded: int
    expected: int
    own: int
    own_failed: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    seconds: int

    def faults(self) -> list[str]:
        """Return why the run falls short; empty where it does not."""
        found = [f"failed: {test}" for test in (*self.failed, *self.own_failed)]
        found += [f"excluded.tsv names a test that is not there: {test}" for test in self.unmatched]
        if self.passed < self.expected:
            found.append(f"{self.passed} passed, {self.expected} expected")
        if not self.own and PEERS[self.peer].own:
            found.append("none of our own tests ran")
        return found


def write(result: Result, folder: Path) -> Path:
    """Write a result into its file; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.peer}.json"
    path.write_text(json.dumps(attrs.asdict(result), indent=2) + "\n", encoding="utf-8")
    return path


def read(path: Path) -> Result:
    """Return the result of a file."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    lists = {name: tuple(value) for name, value in found.items() if isinstance(value, list)}
    return Result(**{**found, **lists})


def every() -> dict[str, Result]:
    """Return the committed results, by peer."""
    return {path.stem: read(path) for path in sorted(FOLDER.glob("*.json"))}


def excluded(peer: str | None = None) -> dict[str, str]:
    """Return the tests of a peer that are left out, with their reasons; of all peers without."""
    rows = [
        line.split("\t")
        for line in EXCLUDED.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    return {test: reason for name, test, reason in rows if peer in (None, name)}


def table() -> str:
    """Return the table of the README: a row for each peer with a result."""
    rows = [
        "| framework | class | its own tests, class swapped | pass | left out |",
        "|---|---|---|---:|---:|",
    ]
    for name, result in every().items():
        peer = PEERS[name]
        version = f"{peer.package} {result.versions[peer.package]}"
        adapter = f"`{peer.adapter.removeprefix('a3s_store.')}`"
        cells = (peer.title, adapter, f"{version}: {peer.suite}", result.passed, result.excluded)
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows) + "\n"
