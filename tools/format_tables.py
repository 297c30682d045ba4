"""The tables of formats in the documents, made of the registries of importers and exporters.

`python -m tools.generate` writes them between two comments of each page, and `--check` compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from a3s_store.exporters import formats as exports
from a3s_store.importers import formats as imports

ROOT: Final = Path(__file__).parents[1]
_BEGIN: Final = (
    "<!-- Made by `python -m tools.generate` of the registries of formats; do not edit. -->"
)
_END: Final = "<!-- End of the table. -->"


def imported() -> list[str]:
    """Return the lines of the table of formats that are imported."""
    rows = [
        (f"`{one.name}`", one.title, one.source, one.keeps)
        for one in sorted(imports.FORMATS, key=lambda one: one.title.casefold())
    ]
    upstream = (f"`{imports.UPSTREAM}`", "a3s-code", "a directory of 2.6.0 to 3.3.0", "everything")
    return [*_table(("`--from`", "tool", "source", "what is kept"), [upstream, *rows])]


def exported() -> list[str]:
    """Return the lines of the table of formats that are exported."""
    rows = [(f"`{one.name}`", one.title, one.result, one.says) for one in exports.FORMATS]
    upstream = (f"`{exports.UPSTREAM}`", "a3s-code", "a directory of 3.3.0", "everything")
    return [*_table(("`--format`", "format", "result", "what it has"), [upstream, *rows])]


def both() -> list[str]:
    """Return the lines of the table in the README: each format, in and out."""
    names = {one.name: one.title for one in imports.FORMATS}
    names |= {one.name: one.title for one in exports.FORMATS}
    names[imports.UPSTREAM] = "a3s-code"
    into = {imports.UPSTREAM, *(one.name for one in imports.FORMATS)}
    out = {exports.UPSTREAM, *(one.name for one in exports.FORMATS)}
    order = sorted(names, key=lambda name: names[name].casefold())
    rows = [
        (names[name], f"`--from {name}`" if name in into else "",
         f"`--format {name}`" if name in out else "")
        for name in order
    ]  # fmt: skip
    return [*_table(("format", "in", "out"), rows)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


TABLES: Final = {
    ROOT / "README.md": both,
    ROOT / "docs" / "importing.md": imported,
    ROOT / "docs" / "exporting.md": exported,
}


def files() -> dict[Path, str]:
    """Return the pages with their tables as they should be. Raises ValueError: one has no place."""
    found = {}
    for path, table in TABLES.items():
        text = path.read_text(encoding="utf-8")
        begin, end = text.index(_BEGIN) + len(_BEGIN), text.index(_END)
        found[path] = "\n".join([text[:begin], *table(), text[end:]])
    return found
