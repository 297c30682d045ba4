"""`doctor --secrets`: keys of common shapes in a store, by place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from a3s_store.backends.sqlite.connection import connect, failing_reads
from a3s_store.backends.sqlite.connection.connect import Settings
from a3s_store.backends.sqlite.errors import during
from a3s_store.backends.sqlite.maintenance import secret_scan
from a3s_store.backends.sqlite.maintenance.health import Recommendation
from a3s_store.backends.sqlite.maintenance.secret_scan import SecretPlace, SecretScan
from a3s_store.cli import output
from a3s_store.cli.failures import Failure
from a3s_store.errors import StoreError

# How many places are printed; `--json` has all.
_SHOWN = 50


def scan(path: Path) -> SecretScan:
    """Look through a store that can be read. Raises Failure."""
    try:
        settings = Settings(path=path, network_mount=True)
        conn = failing_reads.opening(path, lambda: connect.open_reader(settings))
        try:
            with during("doctor", str(path)):
                return secret_scan.scan(conn)
        finally:
            conn.close()
    except StoreError as error:
        raise Failure(str(error)) from error


def recommendations(scanned: SecretScan) -> Iterator[Recommendation]:
    """What to do about the keys that were found."""
    if scanned.found:
        yield Recommendation(
            f"Found in the store: {output.amount(scanned.found, 'key')}. Have each withdrawn where "
            "it is valid, and erase the sessions; `redact=` keeps keys from being stored.",
            attention=True,
        )
    if scanned.unreadable:
        yield Recommendation(
            f"{output.amount(scanned.unreadable, 'text')} could not be searched for keys: run "
            "`verify`.",
            attention=True,
        )


def as_json(scanned: SecretScan) -> dict[str, Any]:
    """The scan, as `--json` prints it."""
    return attrs.asdict(scanned)


def print_places(scanned: SecretScan) -> None:
    """Print where the keys are."""
    for place in scanned.places[:_SHOWN]:
        output.note(f"{place.kind}: {_named(place)}")
    if scanned.found > _SHOWN:
        output.note(f"... and {scanned.found - _SHOWN} more; --json lists them.")


def _named(place: SecretPlace) -> str:
    at = place.part if place.position is None else f"{place.part}[{place.position}]"
    whose = "" if place.session_id is None else f" of session {place.session_id!r}"
    return f"{at}.{place.path}{whose}"
