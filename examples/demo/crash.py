"""A crash: a child process saves without pause until it is killed in the middle of a save.

The child prints a line before each save (`next`), with the digest of the snapshot to be saved, and
another when the save was acknowledged (`kept`). So the parent knows after the kill which snapshots
the store may contain: the last acknowledged one, or the one printed after it.

The child runs the source of this module as a program, which imports only the public API. It is
given the source, since there is no file of it where the package is in an archive.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Final

import attrs

from a3s_store import SessionSnapshot, SqliteSessionStore, StoreError
from a3s_store.models import Message, SessionConfig, SessionData

SESSION_ID: Final = "port-to-async"
_SAVES_BEFORE: Final = 15
_MESSAGES_A_SAVE: Final = 20
_SECONDS: Final = 20.0
_ATTEMPTS: Final = 20


@attrs.frozen(kw_only=True)
class Crash:
    """The end of a child that was killed in a save, and the digests before and after that save.

    `acknowledged` is the number of the last save that was acknowledged; `exit_code` is negative for
    a signal, -9 for SIGKILL.
    """

    acknowledged: int
    before: str
    after: str
    exit_code: int


@attrs.define
class _Heard:
    """What the child has printed so far."""

    number: int = 0
    kept: str = ""
    announced: str = ""
    took: float = 0.01
    since: float = 0.0

    def line(self, text: str) -> None:
        words = text.split()
        if len(words) != 3 or not text.endswith("\n"):
            return  # cut off by the kill
        if words[0] == "next":
            self.announced, self.since = words[2], time.monotonic()
        elif words[0] == "kept":
            self.number, self.kept = int(words[1]), words[2]
            self.took = 0.8 * self.took + 0.2 * (time.monotonic() - self.since)

    @property
    def in_a_save(self) -> bool:
        return self.announced != self.kept


def crash(path: Path) -> Crash:
    """Start a child that saves into the store at `path`, and kill it in the middle of a save.

    A kill between two saves does not count: another child is started.

    Raises:
        StoreError: the child could not save, or no kill came in the middle of a save.
    """
    for _ in range(_ATTEMPTS):
        heard, exit_code = _kill_one(path)
        if heard.in_a_save and heard.kept:
            return Crash(
                acknowledged=heard.number,
                before=heard.kept,
                after=heard.announced,
                exit_code=exit_code,
            )
    raise StoreError("no kill came in the middle of a save", op="demo", hint="Try again")


def _kill_one(path: Path) -> tuple[_Heard, int]:
    child = subprocess.Popen(
        # With the import path of this process, which may be its own. -P: no file of the working
        # directory hides a module of the same name.
        [sys.executable, "-P", "-c", inspect.getsource(sys.modules[__name__]), str(path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert child.stdout is not None, "it is a pipe"
    assert child.stderr is not None, "it is a pipe"
    # A child that hangs must not hang its parent: reading from it ends when it is killed.
    watchdog = threading.Timer(_SECONDS, child.kill)
    watchdog.start()
    heard = _Heard()
    try:
        _listen(child.stdout, heard)
        # A random moment within the save that has just begun, or shortly after it.
        time.sleep(random.uniform(0, heard.took))
        alive = child.poll() is None
        child.kill()
        said = child.stdout.readlines()
        complaint = child.stderr.read().strip()
    finally:
        watchdog.cancel()
        with contextlib.suppress(OSError):
            child.kill()
        child.wait()
        child.stdout.close()
        child.stderr.close()
    for line in said:
        heard.line(line)
    if not alive:
        last = complaint.splitlines()[-1] if complaint else "it was too slow"
        raise StoreError(f"the child process could not save: {last}", op="demo")
    return heard, child.returncode


def _listen(said: IO[str], heard: _Heard) -> None:
    """Read what the child prints until it has saved often enough and has begun another save."""
    goal = _SAVES_BEFORE + random.randrange(_SAVES_BEFORE)
    first: int | None = None
    for line in said:
        heard.line(line)
        first = heard.number if first is None and heard.number else first
        if first is not None and heard.number - first >= goal and heard.in_a_save:
            return


async def save_for_ever(path: Path) -> None:
    """Add a turn to a conversation and save it, again and again; the work of the child."""
    async with SqliteSessionStore.open(path) as store:
        found = await store.load_snapshot(SESSION_ID)
        snapshot = found or SessionSnapshot(session=_empty_session())
        number = await store.generation(SESSION_ID)
        while True:
            number += 1
            snapshot = _with_a_turn(snapshot, number)
            digest = snapshot.digest()
            print("next", number, digest, flush=True)
            await store.save_snapshot(snapshot)
            print("kept", number, digest, flush=True)


def _empty_session() -> SessionData:
    now = int(time.time())
    config = SessionConfig(name="Port the importer to asyncio", workspace="/srv/shop")
    return SessionData(
        id=SESSION_ID, config=config, model_name="example-small", created_at=now, updated_at=now
    )


def _with_a_turn(snapshot: SessionSnapshot, number: int) -> SessionSnapshot:
    session = snapshot.session
    turn = tuple(
        Message.assistant(f"Save {number}, step {step}: " + "await " * 200)
        for step in range(_MESSAGES_A_SAVE)
    )
    return snapshot.evolve(
        session=session.evolve(messages=session.messages + turn, updated_at=int(time.time()))
    )


if __name__ == "__main__":
    asyncio.run(save_for_ever(Path(sys.argv[1])))
