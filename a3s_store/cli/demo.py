"""`demo`: runs the demonstration, which is the package examples/demo."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from a3s_store.cli import output
from a3s_store.cli.failures import Failure
from a3s_store.cli.opening import PATH
from a3s_store.cli.page import Page


@click.command("demo")
@click.option("--keep", type=PATH, metavar="PATH", help="Make the store there, and leave it.")
@output.json_option
def demo_command(keep: Path | None, as_json: bool) -> None:
    """Show what a store does, in seconds; nothing is left behind.

    Saves the session of a small agent with all that belongs to it, kills a process in the middle
    of a save and looks at what is left, counts the rows a save writes, and forks a conversation.
    Everything is done for real, in a temporary directory or at the PATH given.
    """
    if keep is not None and keep.exists():
        raise Failure(f"{keep} exists already; the demo makes a new store")
    found = demonstration()(keep, None if as_json else Page(output.stdout(), full=False))
    if as_json:
        output.print_json(found)


def demo_dir() -> Path:
    """The demonstration: inside the package where it was built, beside it in a checkout."""
    packed = Path(__file__).parents[1] / "_demo"
    return packed if packed.is_dir() else packed.parent.parent / "examples" / "demo"


def demonstration() -> Callable[[Path | None, Page | None], dict[str, Any]]:
    """Import the package in `demo_dir()` and return its function `run`."""
    # By its file, under the name it has in a wheel: sys.path stays as it is, and `examples` is a
    # name that another project's folder may have.
    name, folder = "a3s_store._demo", str(demo_dir())
    spec = importlib.util.spec_from_file_location(
        name, Path(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"the demonstration in {folder} cannot be imported")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    run: Callable[[Path | None, Page | None], dict[str, Any]] = module.run
    return run
