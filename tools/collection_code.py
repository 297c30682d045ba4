"""The source text that follows from the registry: methods of stores, fields of snapshots.

It is written into files, not made at import, so that type checkers, editors and `help()` see it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from a3s_store.core import collections
from a3s_store.core.collections import COLLECTIONS, Collection

_CORE: Final = Path(collections.__file__).parent
_BEGIN: Final = (
    "    # Generated from core/collections.py (`python -m tools.generate`): one line each.\n"
)
_END: Final = "    # End of the generated lines.\n"

_HEAD: Final = '''\
"""The methods of each collection. Generated from `core/collections.py`; do not edit.

`python -m tools.generate` writes this file, and `--check` compares it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

from a3s_store.core.collections import ({constants}, Collection)
from a3s_store.models import ({models})


class CollectionStore(Protocol):
    """The methods of `SessionStore` for each collection."""
{promised}

class CollectionMethods(ABC):
    """The methods of `BaseStore` for each collection."""

    @abstractmethod
    async def _save_collection(
        self, collection: Collection, session_id: str, values: Sequence[Any]
    ) -> None:
        """Store the values of a collection."""

    @abstractmethod
    async def _load_collection(
        self, collection: Collection, session_id: str
    ) -> tuple[Any, ...] | None:
        """Return the values of a collection."""
{written}'''

_PROMISED: Final = '''
    async def save_{name}(self, session_id: str, values: Sequence[{model}]) -> None:
        """Store the {about} in place of those stored before.

        The session need not exist. Nothing is evicted: limits are those of the live session.

        Raises:
            InvalidIdError: the id is not valid.
            EncodeError: the values are no list, or one breaks a rule of its model; nothing was
                written.
        """

    async def load_{name}(self, session_id: str) -> tuple[{model}, ...] | None:
        """Return the {about} in their order; None when they were never saved."""
'''

_WRITTEN: Final = '''
    async def save_{name}(self, session_id: str, values: Sequence[{model}]) -> None:
        """See `SessionStore.save_{name}`."""
        await self._save_collection({constant}, session_id, values)

    async def load_{name}(self, session_id: str) -> tuple[{model}, ...] | None:
        """See `SessionStore.load_{name}`."""
        return await self._load_collection({constant}, session_id)
'''

_FIELD: Final = (
    "    {name}: tuple[models.{model}, ...] | None = field(default=None, write='omit')\n"
)


def files() -> dict[Path, str]:
    """Return the files that are generated, or have generated lines, with their whole texts."""
    return {_CORE / "collection_methods.py": _methods(), _CORE / "snapshot.py": _snapshot()}


def _methods() -> str:
    text = _HEAD.format(
        constants=", ".join(sorted(_constant(one) for one in COLLECTIONS)),
        models=", ".join(sorted({one.model.__name__ for one in COLLECTIONS})),
        promised="".join(_filled(_PROMISED, one) for one in COLLECTIONS),
        written="".join(_filled(_WRITTEN, one) for one in COLLECTIONS),
    )
    return _formatted(text)


def _snapshot() -> str:
    path = _CORE / "snapshot.py"
    before, rest = path.read_text(encoding="utf-8").split(_BEGIN)
    _, after = rest.split(_END)
    # Artifacts come before the retained URIs, which are about them, in upstream's documents.
    fields = (_filled(_FIELD, one) for one in COLLECTIONS if one is not collections.ARTIFACTS)
    return _formatted(f"{before}{_BEGIN}{''.join(fields)}{_END}{after}")


def _filled(template: str, one: Collection) -> str:
    return template.format(
        name=one.name,
        about=one.name.replace("_", " "),
        model=one.model.__name__,
        constant=_constant(one),
    )


def _constant(one: Collection) -> str:
    """The name of a row of the registry. Raises LookupError when it is called otherwise."""
    name = one.name.upper()
    if getattr(collections, name, None) is not one:
        raise LookupError(f"core/collections.py: the row {one.name!r} is to be called {name}")
    return name


def _formatted(text: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", "made.py", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
