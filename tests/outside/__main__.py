"""The command line: see the package."""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.outside import environment, results
from tests.outside.environment import ROOT, Environment
from tests.outside.peers import PEERS, Peer


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.outside")
    parser.add_argument("peers", nargs="*", metavar="PEER", help=", ".join(PEERS))
    parser.add_argument("--expect", type=int, help="how many tests of one peer have to pass")
    parser.add_argument("--folder", type=Path, help="where environments are made, and kept")
    parser.add_argument("--out", type=Path, default=results.FOLDER, help="folder of the results")
    parser.add_argument("--table", action="store_true", help="print the table of the results")
    given = parser.parse_args(arguments)
    if given.table:
        print(results.table(), end="")
        return 0
    unknown = set(given.peers) - PEERS.keys()
    if unknown or not given.peers or (given.expect is not None and len(given.peers) > 1):
        parser.error(f"name peers of {', '.join(PEERS)}; with --expect, one")
    with tempfile.TemporaryDirectory(prefix="a3s-outside-") as temporary:
        folder = given.folder or Path(temporary)
        codes = [run(name, given.expect, folder.resolve(), given.out) for name in given.peers]
    return max(codes)


def run(name: str, expect: int | None, folder: Path, out: Path) -> int:
    """Run the suite of a peer and our own tests, and write the result; return the exit code."""
    peer = PEERS[name]
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    place = environment.made(peer, (peer.extra, "testing"), folder)
    sha256, found = _suite(peer, name, place)
    ours = _own(peer, place)
    pinned = [one.partition("==")[0] for one in peer.requirements if "==" in one]
    expected = peer.expected if expect is None else expect
    result = results.Result(
        peer=name,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        python=platform.python_version(),
        versions=json.loads(place.versions([*pinned, "a3s-store"])),
        source_sha256=sha256,
        passed=len(found["passed"]),
        failed=tuple(sorted(found["failed"])),
        skipped=len(found["skipped"]),
        excluded=len(found["left_out"]),
        expected=expected,
        own=len(ours["passed"]),
        own_failed=tuple(sorted(ours["failed"])),
        unmatched=tuple(sorted(results.excluded(name).keys() - set(found["excluded"]))),
        seconds=round(time.monotonic() - began),
    )
    written = results.write(result, out)
    for test, why in [*found["failed"].items(), *ours["failed"].items()]:
        print(f"{name}: FAILED {test}\n{why}", file=sys.stderr)
    for fault in result.faults():
        print(f"{name}: {fault}", file=sys.stderr)
    print(
        f"{name}: {result.passed} passed, {len(result.failed)} failed, {result.skipped} skipped,"
        f" {result.excluded} left out, {expected} expected; {result.own} of our own passed,"
        f" {len(result.own_failed)} failed; {result.seconds} seconds; {written}"
    )
    return 1 if result.faults() else 0


def _suite(peer: Peer, name: str, place: Environment) -> tuple[str | None, dict[str, Any]]:
    """Run the peer's own suite; return the SHA-256 of its sdist, and the outcomes."""
    if peer.program is not None:
        command = [str(environment.PLUGINS / peer.program)]
        return None, _outcomes(place, command, place.folder, ())
    assert peer.source is not None
    assert peer.swap is not None
    unpacked, sha256 = environment.source_of(place, peer.source)
    command = ["-m", "pytest", "-q", "-p", "record_outcomes", "-p", peer.swap, *peer.tests]
    return sha256, _outcomes(place, command, unpacked, tuple(results.excluded(name)))


def _own(peer: Peer, place: Environment) -> dict[str, Any]:
    """Run our own tests of an adapter; return the outcomes."""
    if not peer.own:
        return {"passed": [], "failed": {}}
    # Our settings know no other plugins.
    without = ("-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:inline_snapshot")
    command = ["-m", "pytest", "-q", *without, "-p", "record_outcomes", *peer.own]
    return _outcomes(place, command, ROOT, ())


def _outcomes(
    place: Environment, command: Sequence[str], cwd: Path, excluded: Sequence[str]
) -> dict[str, Any]:
    path = place.folder / "outcomes.json"
    path.unlink(missing_ok=True)
    code = place.run(
        *command,
        cwd=cwd,
        A3S_OUTCOMES=str(path),
        A3S_EXCLUDED=json.dumps(list(excluded)),
        PYTHONDONTWRITEBYTECODE="1",
    )
    if not path.is_file():
        raise SystemExit(f"the suite ended with {code} and no outcomes")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if code and not found["failed"]:
        found["failed"]["the run itself"] = f"exit code {code}"
    return found


if __name__ == "__main__":
    sys.exit(main())
