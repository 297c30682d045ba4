"""Finds the functions that `python -m tools.generate` wrote for a model.

Each module of models has a module of the same name in each folder of `_generated`. It is imported
when one of its functions is first needed: most programs use few of the models.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal

from a3s_store._forks import load


def generated(folder: Literal["decoders", "encoders", "equality"], cls: type) -> Callable[..., Any]:
    """Return the function of a model in a folder.

    Raises:
        TypeError: there is none; `python -m tools.generate` writes it.
    """
    home = cls.__module__.rpartition(".")[2]
    try:
        module = load(f"a3s_store.wire._generated.{folder}.{home}")
        made: Callable[..., Any] = getattr(module, snake(cls.__name__))
    except (ImportError, AttributeError) as error:
        raise TypeError(
            f"{cls.__name__} has no generated codec: run `python -m tools.generate`"
        ) from error
    return made


@functools.cache
def snake(name: str) -> str:
    """Return the name of a class as the name of a function: `ToolUseBlock` is `tool_use_block`."""
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in name).lstrip("_")
