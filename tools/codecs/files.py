"""The modules that hold the generated functions of models and tables."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import a3s_store
from a3s_store.backends.sqlite.rows.agent_memory import ROWS as MEMORY_ROWS
from a3s_store.core import row_values
from a3s_store.core.collections import MESSAGE_ROWS, layouts
from a3s_store.core.columns import shape
from a3s_store.wire import codec_for, parts
from a3s_store.wire.model_kinds import ModelCodec
from tools.codecs import decoders, encoders, equality, rows
from tools.codecs.lines import formatted, module

_PACKAGE: Final = Path(a3s_store.__file__).parent
_CODECS: Final = _PACKAGE / "wire" / "_generated"
_ROWS: Final = _PACKAGE / "core" / "_rows"
FOLDERS: Final = (_CODECS, _ROWS)

# The folder, its docstring, that of its modules, and the function that writes the lines of a model.
_KINDS: Final[tuple[tuple[str, str, str, Callable[[ModelCodec], list[str]]], ...]] = (
    ("decoders", "Decoders, one module", "Decoders of the models in", decoders.binder),
    ("encoders", "Encoders, one module", "Encoders of the models in", encoders.binder),
    ("equality", "Comparisons, one module", "The `__eq__` of the models in", equality.function),
)


def files() -> dict[Path, str]:
    """Return every module of generated functions with its text."""
    texts = {
        _CODECS / "__init__.py": '"""Generated functions of models: see `wire/generated.py`."""\n',
        _ROWS / "__init__.py": '"""Generated functions of tables: see `core/columns.py`."""\n',
    }
    for folder, summary, about, write in _KINDS:
        texts[_CODECS / folder / "__init__.py"] = f'"""{summary} for each module of models."""\n'
        for home, codecs in models().items():
            path = Path(*home.split(".")[1:]).with_suffix(".py").as_posix()
            # Members of unions that this release does not know are read and written by `Codec`.
            mine = [one for one in codecs if folder == "equality" or not one.rule.opaque]
            body = [line for codec in mine for line in [*write(codec), "", ""]]
            texts[_CODECS / folder / Path(path).name] = module(
                f"{about} `{path}`.", parts.__name__, tuple(parts.__all__), body
            )
    for layout in (*layouts(), MESSAGE_ROWS, MEMORY_ROWS):
        texts[_ROWS / f"{layout.table}.py"] = module(
            f"The columns of `{layout.table}`, and its JSON objects.",
            row_values.__name__,
            tuple(row_values.__all__),
            rows.functions(shape(layout)),
        )
    return formatted(texts)


def models() -> dict[str, list[ModelCodec]]:
    """Return the codecs of the models that have generated functions, by the name of their module.

    Raises:
        LookupError: two modules of models have one name.
    """
    found: dict[str, list[ModelCodec]] = {}
    for path in sorted(_PACKAGE.rglob("*.py")):
        if "\n@model(" not in path.read_text(encoding="utf-8"):
            continue
        home = ".".join(path.relative_to(_PACKAGE.parent).with_suffix("").parts)
        mine = [one for one in vars(importlib.import_module(home)).values() if _is_model(one, home)]
        found[home] = [codec_for(cls) for cls in mine]
    names = [home.rpartition(".")[2] for home in found]
    if len(set(names)) < len(names):
        raise LookupError(f"two modules of models have one name: {sorted(names)}")
    return found


def _is_model(value: Any, home: str) -> bool:
    return isinstance(value, type) and "__a3s_codec__" in vars(value) and value.__module__ == home
