"""A process that does one job on the files of a folder again and again, each time with a fault.

`python -m tests.faults.stopped_process`, with the recording shim, forks a child for every line
it reads: the child does the job of that line with its file operations stopped or failing, and the
reply has its end. So a run costs a fork, not an interpreter. `Stopper` is the other end.
"""

from __future__ import annotations

import errno
import json
import os
import random
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs

from a3s_store.backends.sqlite.connection import connect
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.maintenance import backup, restore
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.errors import StoreError
from tests.faults.harness import shim
from tests.faults.harness.json_child import JsonProcess

ROOT = Path(__file__).parents[2]
NAME = "agent.a3s"

# Three further steps, as later releases might take them: stored values stay readable.
STEPS = (
    """
        CREATE TABLE note (owner_key INTEGER PRIMARY KEY REFERENCES owner, text TEXT) STRICT;
        ALTER TABLE blob ADD COLUMN seen INTEGER;
    """,
    """
        DROP VIEW sessions;
        DROP VIEW conversation;
        DROP VIEW run_events;
        DROP VIEW costs;
        CREATE TABLE owner_new (
            owner_key INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            life INTEGER NOT NULL DEFAULT 1,
            label TEXT
        ) STRICT;
        INSERT INTO owner_new (owner_key, id, life) SELECT owner_key, id, life FROM owner;
        DROP TABLE owner;
        ALTER TABLE owner_new RENAME TO owner;
    """,
    """
        INSERT INTO note SELECT owner_key, 'about ' || id FROM owner;
        CREATE INDEX note_text ON note (text);
    """,
)


def further_steps() -> dict[int, tuple[str, ...]]:
    """The steps of this release, and three more."""
    every = [statement for step in RELEASED.values() for statement in step]
    # Of a view that a later step made anew, the last.
    views = {
        found[1]: statement
        for statement in every
        if (found := re.search(r"^CREATE VIEW (\w+)", statement, re.MULTILINE)) is not None
    }.values()
    first, second, third = (tuple(migrate.split(script)) for script in STEPS)
    made = (first, (*second, *views), third)
    return {**RELEASED, **dict(enumerate(made, NOW + 1))}


RELEASED = migrate.steps()
NOW = migrate.newest()


# -- The jobs -----------------------------------------------------------------------------------


def job_migrate(folder: Path) -> None:
    """Open a store for writing, with three further steps, and close it."""
    migrate.steps = further_steps  # type: ignore[assignment]
    connect.open_writer(Settings(path=folder / NAME)).close()


def job_backup(folder: Path) -> None:
    """Make a backup."""
    backup.take(Settings(path=folder / NAME), folder / "copy.a3s")


def job_restore(folder: Path) -> None:
    """Replace the store by the backup."""
    restore.restore(folder / "backup.a3s", folder / NAME, replace=True)


# -- The process --------------------------------------------------------------------------------


def _serve() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _run(order, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            error = pipe.read().decode()
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        sys.stdout.write(json.dumps({"status": code, "error": error}) + "\n")
        sys.stdout.flush()


def _run(order: dict[str, Any], writing: int) -> None:
    shim.configure(order["environment"])
    try:
        globals()[f"job_{order['job']}"](Path(order["folder"]))
    except StoreError as error:
        os.write(writing, f"{type(error).__name__}: {error}".encode())
    except BaseException as error:
        os.write(writing, f"untyped {type(error).__name__}: {error}".encode())
        os._exit(1)
    os._exit(0)


# -- The other end ------------------------------------------------------------------------------


@attrs.frozen
class Fault:
    """A fault: the operation, and how it goes wrong."""

    at: int
    how: str  # before, torn, after: the process is gone; EIO, ENOSPC: it fails; + for good

    def environment(self, folder: Path, count: Path) -> dict[str, str]:
        if self.how in ("before", "torn", "after"):
            return shim.environment(
                folder,
                count=count,
                crash_at=self.at,
                crash_how=self.how,  # type: ignore[arg-type]
            )
        number = getattr(errno, self.how.rstrip("+"))
        return shim.environment(
            folder,
            count=count,
            fail_at=self.at,
            fail_errno=number,
            fail_sticky=self.how.endswith("+"),
        )


STOPS = ("before", "torn", "after")
FAILURES = ("EIO", "ENOSPC", "EIO+", "ENOSPC+")


@attrs.frozen
class Ran:
    """The end of one run. `error` is empty when the job ended well."""

    fault: Fault | None
    folder: Path
    status: int
    error: str
    operations: int
    fired: int
    first: str

    @property
    def stopped(self) -> bool:
        return self.status == 137

    def __str__(self) -> str:
        return f"{self.fault} at {self.first!r}: status {self.status}, {self.error or 'no error'}"


class Stopper(JsonProcess):
    """Runs a job on copies of a folder, in memory where the system has /dev/shm."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        self._home = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        super().__init__("tests.faults.stopped_process", env=shim.preloaded(), cwd=ROOT)
        self._runs = 0

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)
        shutil.rmtree(self._home)

    def run(self, job: str, template: Path, fault: Fault | None) -> Ran:
        """Run the job in a new copy of the folder; the copy of the last run is removed."""
        self._runs += 1
        shutil.rmtree(self._home / f"run-{self._runs - 1}", ignore_errors=True)
        folder = self._home / f"run-{self._runs}"
        shutil.copytree(template, folder)
        count = self._home / "count"
        count.unlink(missing_ok=True)
        environment = (
            shim.environment(folder, count=count)
            if fault is None
            else fault.environment(folder, count)
        )
        order = {"job": job, "folder": str(folder), "environment": environment}
        reply = self.ask(order)
        seen = shim.counted(count)
        return Ran(
            fault,
            folder,
            reply["status"],
            reply["error"],
            seen.operations,
            seen.fired,
            seen.first,
        )

    def sweep(
        self, job: str, template: Path, hows: tuple[str, ...], every: int, seed: int
    ) -> Iterator[Ran]:
        """A run for each operation of the job and each way, or for one of `every` by the seed."""
        whole = self.run(job, template, None)
        assert (whole.status, whole.error) == (0, ""), whole
        rng = random.Random(seed)
        for at in range(1, whole.operations + 1):
            for how in hows:
                if rng.randrange(every) == 0:
                    ran = self.run(job, template, Fault(at, how))
                    assert not ran.error.startswith("untyped"), ran
                    assert ran.status in ((137,) if how in STOPS else (0,)), ran
                    assert ran.fired, ran
                    yield ran


if __name__ == "__main__":
    _serve()
