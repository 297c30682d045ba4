"""The fork server: a process with the shim, which forks a child for each recorded workload.

Starting Python costs more than a small workload does, and a library can only be preloaded when a
process starts. So one process starts with the shim, imports everything, and has neither threads nor
a store; each child that it forks gets its own folder, log and fault (`shim.configure`) and calls
one function. The result comes back as JSON, with the exceptions that did not reach the function's
caller: those in threads, in callbacks, in finalizers.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from typing import Any

import attrs

from a3s_store import backends, core, models, wire
from tests.faults.harness import shim
from tests.faults.harness.json_child import JsonProcess

# The exit status of a child when its function raised.
_RAISED = 3


@attrs.frozen
class Ended:
    """The end of a child."""

    status: int | None  # the exit status, -N for signal N, None when it hung and was killed
    result: Any  # of the function; None when it did not return
    stray: tuple[str, ...]  # exceptions that reached no caller, or the one the function raised

    @property
    def was_stopped(self) -> bool:
        """Whether the shim stopped the child."""
        return self.status == 137


class ForkServer(JsonProcess):
    """A process with the shim. Not to be used by several threads at once."""

    def __init__(self) -> None:
        environment = shim.preloaded()
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        super().__init__(__name__, env=environment)

    def run(
        self,
        function: str,
        arguments: Mapping[str, Any],
        environment: Mapping[str, str],
        *,
        seconds: float = 60,
    ) -> Ended:
        """Call `module:function` with these arguments in a child with this `shim.environment`.

        After so many seconds the child hangs and is killed, with all that it forked.
        """
        ours = {name: value for name, value in environment.items() if name.startswith("A3S_FAULTS")}
        status, result, stray = self.ask([function, dict(arguments), ours, seconds])
        return Ended(status, result, tuple(stray))


def _import_store() -> None:
    """Import the modules that a store imports at its first calls, once for all children."""
    for package in (wire, models, core, backends):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


def _serve() -> None:
    _import_store()
    gc.freeze()
    for line in sys.stdin:
        function, arguments, environment, seconds = json.loads(line)
        module, _, name = function.partition(":")
        importlib.import_module(module)
        ended = _in_child(module, name, arguments, environment, seconds)
        try:
            print(json.dumps(ended), flush=True)
        except BrokenPipeError:
            os._exit(0)  # the asking process has ended


def _in_child(
    module: str,
    name: str,
    arguments: dict[str, Any],
    environment: dict[str, str],
    seconds: float,
) -> tuple[int | None, Any, list[str]]:
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(source)
        os.setpgid(0, 0)
        _play(module, name, arguments, environment, sink)
    os.close(sink)
    deadline = time.monotonic() + seconds
    pieces: list[bytes] = []
    hung = False
    while True:
        ready, _, _ = select.select([source], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            hung = True
            os.killpg(child, signal.SIGKILL)
            break
        piece = os.read(source, 65536)
        if not piece:
            break
        pieces.append(piece)
    os.close(source)
    _, state = os.waitpid(child, 0)
    result, stray = json.loads(b"".join(pieces)) if pieces and not hung else (None, [])
    return None if hung else os.waitstatus_to_exitcode(state), result, stray


def _play(
    module: str, name: str, arguments: dict[str, Any], environment: dict[str, str], sink: int
) -> None:
    """Call the function in the child and exit."""
    stray: list[str] = []
    result: Any = None
    status = 0
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    threading.excepthook = lambda args: stray.append(
        f"in a thread: {args.exc_type.__name__}: {args.exc_value}"
    )
    sys.unraisablehook = lambda args: stray.append(
        f"in a finalizer: {args.exc_type.__name__}: {args.exc_value}"
    )
    try:
        shim.configure(environment)
        result = getattr(sys.modules[module], name)(**arguments)
        gc.collect()
    except BaseException:
        status = _RAISED
        stray.append(traceback.format_exc())
    finally:
        line = memoryview(json.dumps([result, stray]).encode())
        while line:
            line = line[os.write(sink, line) :]
        os._exit(status)


if __name__ == "__main__":
    _serve()
