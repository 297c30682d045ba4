"""Make the module that says in which module each public name of `a3s_store.models` is."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

_MODELS: Final = Path(__file__).parents[1] / "a3s_store" / "models"
PLACE: Final = _MODELS / "_homes.py"
_HEAD: Final = '''\
"""The module of each public name of `a3s_store.models`.

Written by `python -m tools.generate` from the imports of its `__init__`; do not edit.
"""

'''


def text() -> str:
    """Return the text of the module."""
    tree = ast.parse((_MODELS / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: str(node.module) for node in imports for alias in node.names}
    lines = [f'    "{name}": "{homes[name]}",' for name in sorted(homes)]
    return _HEAD + "\n".join(["HOMES = {", *lines, "}", ""])
