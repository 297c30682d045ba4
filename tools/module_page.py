"""Make docs/modules.md: every module of the package with the first sentence of its docstring."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "modules.md"
_HEAD: Final = """\
# Modules

Every module of the package with the first paragraph of its docstring, folder by folder. Modules
and folders with a leading underscore are left out. Made by `python -m tools.generate`; do not edit.
Where to begin: [ARCHITECTURE.md](../ARCHITECTURE.md).
"""


def page(package: Path = ROOT / "a3s_store") -> str:
    """The text of the page."""
    lines = [_HEAD]
    folders = [path.parent for path in sorted(package.rglob("__init__.py"))]
    for folder in sorted(folders, key=lambda one: one.relative_to(package).parts):
        if any(part.startswith("_") for part in folder.relative_to(package).parts):
            continue
        name = folder.relative_to(package.parent).as_posix()
        lines += [f"## {name}/", "", _summary(folder / "__init__.py"), ""]
        modules = sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))
        if modules:
            lines += ["| module | contents |", "|---|---|"]
            lines += [f"| `{path.name}` | {_summary(path)} |" for path in modules]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _summary(path: Path) -> str:
    """The first paragraph of a module's docstring, on one line of a table."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.partition("\n\n")[0].split()).replace("|", "\\|")
