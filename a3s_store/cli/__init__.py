"""The command line `a3s-store`.

`app` has the table of commands, `failures` their exit codes, `output` consoles and tables,
`opening` opens an existing store. The commands are in `listing`, `organize`, `show` (with
`transcript` and `collection_printers`), `transfer`, `doctor` (with `doctor_parts`), `maintenance`,
and `demo`, which runs the package examples/demo.

Invariants: 1. data goes to stdout, everything else to stderr; with `--json` stdout has one JSON
document; 2. no character of stored text reaches the terminal as a control character, none is taken
for markup; 3. a command that reads creates and changes no file; 4. exit codes: 0 done, 1 failed, 2
wrong usage, 3 not found, 4 damaged, 130 interrupted, 141 the reader of its output is gone.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import NoReturn

_INSTALL = 'The command line needs click and rich: pip install "a3s-store[cli]"'


def main() -> NoReturn:
    """Run the command line and exit; the entry point `a3s-store`."""
    try:
        if not all(map(_is_installed, ("click", "rich"))):
            print(_INSTALL, file=sys.stderr)
            sys.exit(1)
        from a3s_store.cli.app import app

        app(prog_name="a3s-store")
    except KeyboardInterrupt:
        sys.exit(130)
    raise AssertionError("the application exits by itself")


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False
