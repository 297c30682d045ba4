"""`demo`: runs the demonstration, which is the package examples/demo."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from a3s_store.cli import output
from a3s_store.cli.failures import Failure
from a3s_store.cli.opening import PATH
from a3s_store.cli.output import Page


@click.command("demo")
@click.option("--keep", type=PATH, metavar="PATH", help="Make the store there, and leave it.")
@output.json_option
def demo_command(keep: Path | None, as_json: bool) -> None:
    """Show what a store does, in seconds; nothing is left behind.

    Saves the session of a small agent with its collections, kills a process in the middle of a save
    and checks the store, counts the rows that a save writes, and forks a conversation. Everything
    is done for real, in a temporary directory or at the PATH given.
    """
    if keep is not None and keep.exists():
        raise Failure(f"{keep} exists already; the demo makes a new store")
    found = demonstration()(keep, None if as_json else Page(output.stdout(), full=False))
    if as_json:
        output.print_json(found)


def demonstration() -> Callable[[Path | None, Page | None], dict[str, Any]]:
    """Import the demonstration and return its function `run`."""
    name = "a3s_store._demo"
    with contextlib.suppress(ModuleNotFoundError):  # in a checkout
        return _run_of(importlib.import_module(name))
    # By its file, under its name in a wheel: sys.path stays unchanged, and another project may have
    # a folder `examples`.
    folder = str(Path(__file__).parents[2] / "examples" / "demo")
    spec = importlib.util.spec_from_file_location(
        name, Path(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    if getattr(sys, "frozen", False) or spec is None or spec.loader is None:
        raise Failure("this installation has no demonstration")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return _run_of(module)


def _run_of(module: ModuleType) -> Callable[[Path | None, Page | None], dict[str, Any]]:
    run: Callable[[Path | None, Page | None], dict[str, Any]] = module.run
    return run
