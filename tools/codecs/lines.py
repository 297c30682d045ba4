"""Lines of Python source: blocks, conditions, names."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from a3s_store.wire.kinds import Kind

ROOT: Final = Path(__file__).parents[2]


def block(head: str, *lines: str) -> list[str]:
    """Return the lines of a compound statement: its head, then its body one level further in."""
    return [head, *("    " + line for line in lines)]


def only_if(test: str, lines: list[str]) -> list[str]:
    """Return the lines, run only under a condition; one with a lone `if` is joined to it."""
    if lines[0].startswith("if ") and all(line.startswith("    ") for line in lines[1:]):
        return [f"if {test} and {lines[0].removeprefix('if ')}", *lines[1:]]
    return block(f"if {test}:", *lines)


def holds(test: str, name: str) -> str:
    """Return a condition on `v`, as kinds declare them, as a condition on another variable."""
    return re.sub(r"\bv\b", name, test)


def unless(test: str, name: str, lines: list[str]) -> list[str]:
    """Return the lines, run only when a variable fails a test under which it stays as it is."""
    if test == Kind.NEVER:
        return lines
    held = holds(test, name)
    if held == f"type({name}) is str":
        return block(f"if type({name}) is not str:", *lines)
    return block(f"if not ({held}):", *lines)


def module(docstring: str, home: str, offered: tuple[str, ...], body: list[str]) -> str:
    """Return the text of a module that imports from `home` those of the offered names it uses."""
    text = "\n".join(body)
    used = [name for name in offered if re.search(rf"\b{name}\b", text)]
    imports = [f"from {home} import {', '.join(used)}"] if used else []
    head = [
        f'"""{docstring}',
        "",
        "Written by `python -m tools.generate`; do not edit.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        *(["from collections.abc import Callable"] if "Callable[" in text else []),
        f"from typing import Any{', Final' if ': Final' in text else ''}",
        "",
        *imports,
    ]
    return "\n".join([*head, "", "", text, ""])


def formatted(texts: Mapping[Path, str]) -> dict[Path, str]:
    """Return the texts of modules as ruff formats them and sorts their imports."""
    ruff = [sys.executable, "-m", "ruff"]
    with tempfile.TemporaryDirectory() as folder:
        places = {path: Path(folder, f"m{n}.py") for n, path in enumerate(texts)}
        for path, place in places.items():
            place.write_text(texts[path], encoding="utf-8")
        settings = ["--quiet", "--no-cache", "--config", str(ROOT / "pyproject.toml"), folder]
        for command in (["check", "--select", "I", "--fix"], ["format"]):
            subprocess.run([*ruff, *command, *settings], check=True)
        return {path: place.read_text(encoding="utf-8") for path, place in places.items()}
