"""Write the files of this repository that are made from others, or check that they are up to date.

    python -m tools.generate           # write them
    python -m tools.generate --check   # exit 1 when one is not what would be written

`schema/sqlite/whole_NNNN.sql` is the newest schema in one script, made of the numbered steps. New
files are made of it, and opened files compared with it: the steps rename tables, for each of which
SQLite reads the whole schema again (50 ms in all). `collection_code` says what follows from the
registry of collections, `codecs` writes the functions of models and tables, `typed_changes` what
type checkers know of them, `sync_face` the blocking twins of the store's methods, `module_page`
makes docs/modules.md of the docstrings of modules, `format_tables` the tables of file formats.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

from a3s_store.backends.sqlite.schema import migrate, verify_schema
from tools import (
    collection_code,
    format_tables,
    model_homes,
    module_page,
    sync_face,
    typed_changes,
)
from tools.codecs import files

SCHEMA: Final = Path(__file__).parents[1] / "schema" / "sqlite"


def whole_schema() -> tuple[Path, str]:
    """The path and the text of the script of the newest schema."""
    stepped = verify_schema.made_by(tuple(migrate.steps().values()))
    made = [f"{verify_schema.unquoted(sql)};\n" for _, sql in stepped.values() if sql]
    number = migrate.newest()
    head = (
        f"-- Schema {number} in one script, for new files. Made of the numbered steps by\n"
        "-- `python -m tools.generate`; do not edit. What each column means is in current.sql.\n"
    )
    return SCHEMA / f"whole_{number:04}.sql", "\n".join([head, *made])


def main() -> int:
    """Run the command; return 1 when `--check` finds a file that is not up to date."""
    parser = argparse.ArgumentParser(prog="python -m tools.generate")
    parser.add_argument("--check", action="store_true", help="write nothing")
    chosen = parser.parse_args()
    homes = model_homes.text()
    if _text(model_homes.PLACE) != homes:
        # The registry of collections, from which the other files follow, finds its models by it.
        if chosen.check:
            print(f"{model_homes.PLACE.name} is not what `python -m tools.generate` writes")
            return 1
        model_homes.PLACE.write_text(homes, encoding="utf-8")
        return subprocess.call([sys.executable, "-m", "tools.generate"])
    schema, script = whole_schema()
    ours = collection_code.files()
    wanted = {schema: script, **ours, **files.files(), **sync_face.files()}
    wanted[typed_changes.PLACE] = typed_changes.text()
    wanted[module_page.PAGE] = module_page.page()
    wanted |= format_tables.files()
    stale = [path for path, text in wanted.items() if _text(path) != text]
    generated = {
        *SCHEMA.glob("whole_*.sql"),
        *(p for one in (*files.FOLDERS, sync_face.FOLDER) for p in one.rglob("*.py")),
    }
    left_over = generated - wanted.keys()
    if chosen.check:
        for path in [*stale, *left_over]:
            print(f"{path.name} is not what `python -m tools.generate` writes")
        return 1 if stale or left_over else 0
    for path in left_over:
        path.unlink()
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    if ours.keys() & set(stale):
        # They were imported as they were before: the functions of their models follow from the new.
        return subprocess.call([sys.executable, "-m", "tools.generate"])
    return 0


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
