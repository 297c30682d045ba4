"""Make the module that tells type checkers the keyword arguments of `evolve` of each model."""

from __future__ import annotations

import ast
import importlib
from collections import defaultdict
from pathlib import Path
from typing import Final

from a3s_store import models
from a3s_store.models._homes import HOMES
from a3s_store.wire import Model
from tools.codecs import files
from tools.codecs.lines import formatted

PACKAGE: Final = Path(__file__).parents[1] / "a3s_store"
PLACE: Final = PACKAGE / "_changes.py"
_HEAD: Final = '''\
"""The keyword arguments of `evolve` of each model, for type checkers; nothing imports it.

Written by `python -m tools.generate` from the fields of models; do not edit.
"""

from __future__ import annotations

from typing import TypedDict

'''


def text() -> str:
    """Return the text of the module."""
    imports: defaultdict[str, set[str]] = defaultdict(set)
    bodies = []
    for home, codecs in files.models().items():
        homes = _homes(home)
        for codec in codecs:
            if codec.cls is Model:
                continue
            fields = _fields(codec.cls)
            bodies.append(_typed_dict(codec.cls.__name__, fields))
            for name in (name for text in fields.values() for name in _names(text)):
                if name in homes:
                    imports[_own(homes[name], name)].add(name)
    head = [f"from {home} import {', '.join(sorted(imports[home]))}" for home in sorted(imports)]
    return formatted({PLACE: "\n".join([_HEAD, *head, *bodies])})[PLACE]


def _fields(model: type) -> dict[str, str]:
    """The annotations of the fields of a model, as they are written, its bases' first."""
    found: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if issubclass(cls, Model):
            found.update(cls.__annotations__)
    return found


def _typed_dict(model: str, fields: dict[str, str]) -> str:
    lines = [f"    {name}: {text}" for name, text in fields.items()]
    head = [f"class {model}Changes(TypedDict, total=False):", f'    """Fields of `{model}`."""', ""]
    return "\n".join(["", *head, *lines])


def _homes(module: str) -> dict[str, str]:
    """The module of each name that is imported or defined at the top of a module."""
    path = importlib.import_module(module).__file__
    assert path is not None
    found = {"Value": "a3s_store.wire"}  # of `extra`, which every model has
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: str(node.module) for alias in node.names}
        elif isinstance(node, ast.ClassDef):
            found[node.name] = module
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = module
    return found


def _own(home: str, name: str) -> str:
    """The module of a model, also where it is imported from the package of all of them."""
    return HOMES[name] if home == models.__name__ else home


def _names(annotation: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(annotation)) if isinstance(node, ast.Name)}
