"""The registry of formats that can be imported: a new one is a module and a line here."""

from __future__ import annotations

from typing import Final

from a3s_store.errors import InvalidArgumentError
from a3s_store.importers import aider, chatgpt, claude_code, codex, json_sessions, openai_sessions
from a3s_store.importers.history import Format
from a3s_store.printable import short_repr

# The directories of upstream's own store, which `import_directory` reads.
UPSTREAM: Final = "a3s-code"
# In the order in which they are tried.
FORMATS: Final[tuple[Format, ...]] = (
    codex.FORMAT,
    claude_code.FORMAT,
    chatgpt.FORMAT,
    openai_sessions.FORMAT,
    aider.FORMAT,
    json_sessions.FORMAT,
)
NAMES: Final[tuple[str, ...]] = (UPSTREAM, *(one.name for one in FORMATS))


def formats_named(name: str | None) -> tuple[Format, ...]:
    """Return the formats to try: all, or the one with this name; none for upstream's.

    Raises:
        InvalidArgumentError: there is no such format.
    """
    if name is not None and name not in NAMES:
        raise InvalidArgumentError(
            f"format is one of {', '.join(NAMES)}, not {short_repr(name)}",
            argument="format",
            op="import_history",
        )
    return tuple(one for one in FORMATS if name in (None, one.name))
