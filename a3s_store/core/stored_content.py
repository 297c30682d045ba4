"""Messages that were read from a file, whose content is decoded when it is first read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import attrs

from a3s_store.core.corruption import corruption_named
from a3s_store.core.origins import give_positions, position_of
from a3s_store.errors import DecodeError, during
from a3s_store.models import Message
from a3s_store.wire import EMPTY, decode, parse_own
from a3s_store.wire.lazy import undecoded
from a3s_store.wire.orjson_memory import require_memory_for


@attrs.frozen
class StoredContent:
    """The messages of one conversation; `session_id` and `where` name it in errors."""

    session_id: str | None
    where: str

    def messages(
        self,
        start: int,
        roles: Iterable[str],
        reasonings: Iterable[str | None],
        contents: Sequence[bytes],
    ) -> list[Message]:
        """Return messages without unknown keys, the first of them at position `start`.

        Reading the content of one raises CorruptionError, with the position, where it is damaged.
        """
        made = undecoded(
            Message,
            contents,
            self._content,
            role=roles,
            reasoning_content=reasonings,
            extra=repeat(EMPTY),
        )
        give_positions(made, start)
        return made

    def _content(self, message: Message, text: bytes) -> Any:
        require_memory_for(text)
        try:
            return decode(Message, {"role": "", "content": parse_own(text)}).content
        except DecodeError as error:
            damage = error.inside("SessionData", f"messages[{position_of(message)}]")
        with during("read message", self.where), corruption_named(self.session_id):
            raise damage
