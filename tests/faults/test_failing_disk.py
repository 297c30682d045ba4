"""A disk that cannot be read, or has no space left, is named as that, never as damage."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import failing_disk, shim
from tests.faults.harness.fork_server import ForkServer

pytestmark = pytest.mark.skipif(shim.available() is not None, reason=str(shim.available()))

REFUSED = "StoreUnavailableError None: save: an earlier read met an I/O error"


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer() as found:
        yield found


def played(server: ForkServer, folder: Path, scenario: str, **arguments: Any) -> dict[str, str]:
    """The results of a scenario, in a process with failing file operations."""
    ended = server.run(
        f"{failing_disk.__name__}:{scenario}",
        {"folder": str(folder), **arguments},
        shim.environment(folder),
    )
    assert (ended.status, ended.stray) == (0, ()), ended
    results: dict[str, str] = ended.result
    return results


@pytest.mark.parametrize("name", ["agent.a3s", "agent.a3s-wal"])
def test_reads_that_fail_for_good_are_no_damage_and_stop_saves(
    server: ForkServer, tmp_path: Path, name: str
) -> None:
    found = played(server, tmp_path, "reads", name=name, sticky=True)
    assert f"StoreUnavailableError {errno.EIO}: load" in found["load"]
    assert "the disk cannot be read" in found["load"]
    assert found["save"].startswith(REFUSED)
    assert "CorruptionError" not in found["health"]
    assert found["save afterwards"].startswith(REFUSED)
    assert found["load afterwards"] == "done"
    assert "Saves are refused" in found["health afterwards"]
    assert found["save when opened again"] == "done"
    assert found["verify"] == "intact"


@pytest.mark.parametrize("name", ["agent.a3s", "agent.a3s-wal"])
def test_a_read_that_failed_once_is_repeated_and_stops_saves(
    server: ForkServer, tmp_path: Path, name: str
) -> None:
    found = played(server, tmp_path, "reads", name=name, sticky=False)
    assert found["load"] == "done"
    assert found["save"].startswith(REFUSED)
    assert found["health"].startswith("1 read errors; ")
    assert "Saves are refused" in found["health"]
    assert found["save when opened again"] == "done"
    assert found["verify"] == "intact"


@pytest.mark.parametrize("sticky", [False, True])
def test_a_failing_disk_is_not_reported_as_damage(
    server: ForkServer, tmp_path: Path, sticky: bool
) -> None:
    found = played(server, tmp_path, "reports", sticky=sticky)
    for name in ("verify", "load"):
        if sticky:
            assert f"StoreUnavailableError {errno.EIO}" in found[name]
        else:
            assert found[name] in {"intact", "done"}
        assert found[f"save after {name}"].startswith(REFUSED)


@pytest.mark.parametrize("sticky", [False, True])
def test_a_read_that_fails_while_a_store_is_opened_is_no_damage(
    server: ForkServer, tmp_path: Path, sticky: bool
) -> None:
    found = played(server, tmp_path, "opening", sticky=sticky)
    assert len(found) > 10
    assert found.pop("afterwards") == "done"
    assert [what for what in found.values() if "CorruptionError" in what] == []
    assert [what for what in found.values() if "NotAStoreError" in what] == []
    if sticky:
        assert "StoreUnavailableError" in found["read 1"]


@pytest.mark.parametrize("error", [errno.EDQUOT, errno.EFBIG])
def test_a_write_without_space_is_refused_and_saving_goes_on_afterwards(
    server: ForkServer, tmp_path: Path, error: int
) -> None:
    found = played(server, tmp_path, "no_space", error=error)
    assert found["save"].startswith(f"StoreFullError {error}: save")
    assert found["save afterwards"] == "done"


def test_after_a_checkpoint_that_met_an_io_error_nothing_is_saved(
    server: ForkServer, tmp_path: Path
) -> None:
    found = played(server, tmp_path, "checkpoint", damaged=False)
    assert found["checkpoint"] == "failed"
    assert "an earlier save or checkpoint met an I/O error" in found["save"]
    assert found["save when opened again"] == "done"


def test_a_file_whose_disk_failed_is_checked_when_it_is_opened_again(
    server: ForkServer, tmp_path: Path
) -> None:
    found = played(server, tmp_path, "checkpoint", damaged=True)
    assert found["checkpoint"] == "failed"
    assert found["save when opened again"].startswith("CorruptionError")
    assert "after an I/O error the file is damaged" in found["save when opened again"]
