"""The source text that follows from the registry: methods of stores, fields of snapshots.

It is written into files, not made at import, so that type checkers, editors and `help()` see it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Container
from pathlib import Path
from typing import Final

from a3s_store import models
from a3s_store.core import collections
from a3s_store.core.collections import COLLECTIONS, Collection
from a3s_store.models import SessionConfig, SessionData

_CORE: Final = Path(collections.__file__).parent
_BEGIN: Final = (
    "    # Generated from core/collections.py (`python -m tools.generate`): one line each.\n"
)
# Fields of a session that have methods of their own; the id never changes.
_NOT_IN_HEADER: Final = frozenset({"id", "messages", *collections.SESSION_ROWS.lists})
_KINDS: Final = frozenset({"F32", "I32", "I64", "U32", "U64", "USize"})
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_END: Final = "    # End of the generated lines.\n"

_HEAD: Final = '''\
"""The methods of each collection. Generated from `core/collections.py`; do not edit.

`python -m tools.generate` writes this file, and `--check` compares it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from a3s_store.core.collections import ({constants}, Collection)

if TYPE_CHECKING:
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

_APPEND_HEAD: Final = '''\
"""The methods that add to each collection. Generated from `core/collections.py`; do not edit.

`python -m tools.generate` writes this file, and `--check` compares it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from a3s_store.core.collections import ({constants}, Collection)

if TYPE_CHECKING:
    from a3s_store.core.list_pages import ListPage
    from a3s_store.models import ({models})


class CollectionAppends(Protocol):
    """The methods of `AppendingStore` for each collection."""
{appends}

class CollectionAppendMethods(ABC):
    """The methods of `AppendMethods` for each collection."""

    @abstractmethod
    async def _append_collection(
        self,
        collection: Collection,
        session_id: str,
        values: Sequence[Any],
        expected_generation: int | None,
        keep_last: int | None,
    ) -> int:
        """Add values to a collection; return the generation afterwards."""

    @abstractmethod
    async def _collection_page(
        self,
        collection: Collection,
        session_id: str,
        start: int,
        stop: int | None,
        last: int | None,
    ) -> ListPage[Any] | None:
        """Return some values of a collection."""
{appending}'''

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

_APPENDS: Final = '''
    async def append_{name}(
        self,
        session_id: str,
        values: Sequence[{model}],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """Add {about} at the end; return the generation afterwards.

        With `keep_last` only the last ones are kept, in the same commit. The session need not
        exist. Without a change nothing is written.

        Raises:
            StaleGenerationError: the session is at another generation; nothing was written.
            EncodeError: as `save_{name}`.
        """

    async def {name}_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[{model}] | None:
        """Return some {about}; None when they were never saved.

        Arguments as in `AppendingStore.messages`.
        """
'''

_APPENDING: Final = '''
    async def append_{name}(
        self,
        session_id: str,
        values: Sequence[{model}],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """See `AppendingStore.append_{name}`."""
        return await self._append_collection(
            {constant}, session_id, values, expected_generation, keep_last
        )

    async def {name}_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[{model}] | None:
        """See `AppendingStore.{name}_page`."""
        return await self._collection_page({constant}, session_id, start, stop, last)
'''

_UPDATE: Final = '''\
"""A session without its lists. Generated from `models/session.py`; do not edit.

`python -m tools.generate` writes this file, and `--check` compares it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypedDict

import attrs

from a3s_store.core.host_data import NO_HOST_DATA, HostData

if TYPE_CHECKING:
    from collections.abc import Mapping

    from a3s_store.core.revision import Position
    from a3s_store.models import ({models})
    from a3s_store.wire import ({kinds})


class SessionUpdate(TypedDict, total=False):
    """The keyword arguments of `update`: fields of a session, then those of its configuration.

    The last four are the host's, in stores that promise `host_metadata`: `labels` are merged with
    the stored ones, and None removes one; `metadata` is any JSON and replaces the stored one.
    """

{changes}    labels: Mapping[str, str | None]
    metadata: Any
    pinned: bool
    archived: bool


@attrs.frozen(kw_only=True)
class SessionHeader:
    """A session without its lists, and where it stands.

    Fields are those of `SessionData`, which is not used: saved, it would empty the conversation.
    `length` is the number of messages, `position` the end of the conversation, `generation` the
    last generation (0 in a store without generations), `host` what the host keeps with it.
    """

    id: str
{fields}    extra: Any
    length: int
    position: Position
    generation: int
    host: HostData = NO_HOST_DATA

    @classmethod
    def of(
        cls,
        session: SessionData,
        position: Position,
        generation: int,
        host: HostData = NO_HOST_DATA,
    ) -> Self:
        """Return the header of a session, whose messages and other lists may be left out."""
        return cls(
            id=session.id,
{given}            extra=session.extra,
            length=position.length,
            position=position,
            generation=generation,
            host=host,
        )
'''

_FIELD: Final = (
    "    {name}: tuple[models.{model}, ...] | None = field(default=None, write='omit')\n"
)


def files() -> dict[Path, str]:
    """Return the files that are generated, or have generated lines, with their whole texts."""
    return {
        _CORE / "collection_appends.py": _appends(),
        _CORE / "collection_methods.py": _methods(),
        _CORE / "snapshot.py": _snapshot(),
        _CORE / "session_update.py": _update(),
    }


def _methods() -> str:
    return _filled_file(_HEAD, promised=_PROMISED, written=_WRITTEN)


def _appends() -> str:
    return _filled_file(_APPEND_HEAD, appends=_APPENDS, appending=_APPENDING)


def _filled_file(head: str, **templates: str) -> str:
    text = head.format(
        constants=", ".join(sorted(_constant(one) for one in COLLECTIONS)),
        models=", ".join(sorted({one.model.__name__ for one in COLLECTIONS})),
        **{
            name: "".join(_filled(template, one) for one in COLLECTIONS)
            for name, template in templates.items()
        },
    )
    return _formatted(text)


def _snapshot() -> str:
    path = _CORE / "snapshot.py"
    before, rest = path.read_text(encoding="utf-8").split(_BEGIN)
    _, after = rest.split(_END)
    # Artifacts come before the retained URIs, which are about them, in upstream's documents.
    fields = (_filled(_FIELD, one) for one in COLLECTIONS if one is not collections.ARTIFACTS)
    return _formatted(f"{before}{_BEGIN}{''.join(fields)}{_END}{after}")


def _update() -> str:
    own = _annotations(SessionData, _NOT_IN_HEADER)
    config = _annotations(SessionConfig, own.keys())
    names = {word for text in (*own.values(), *config.values()) for word in _WORD.findall(text)}
    text = _UPDATE.format(
        models=", ".join(
            sorted({"SessionData"} | {name for name in names if hasattr(models, name)})
        ),
        kinds=", ".join(sorted(name for name in names if name in _KINDS)),
        changes="".join(f"    {name}: {text}\n" for name, text in {**own, **config}.items()),
        fields="".join(f"    {name}: {text}\n" for name, text in own.items()),
        given="".join(f"            {name}=session.{name},\n" for name in own),
    )
    return _formatted(text)


def _annotations(model: type, left_out: Container[str]) -> dict[str, str]:
    """The annotations of the fields of a model, as they are written in its module."""
    return {name: text for name, text in model.__annotations__.items() if name not in left_out}


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
