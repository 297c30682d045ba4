"""The draft of a reply: the text streamed so far of a message that is not yet complete."""

from __future__ import annotations

from typing import Any, Final

import attrs

from a3s_store.errors import EncodeError

# The largest integer in a column.
_LARGEST: Final = 2**63 - 1


@attrs.frozen(kw_only=True)
class Draft:
    """An incomplete message of the assistant.

    `position` is the index that the message will have in the conversation, which is the number of
    messages before it. `updated_at_ms` is the writer's clock in Unix milliseconds.
    """

    position: int
    text: str
    reasoning_content: str | None = None
    updated_at_ms: int = 0


def check_draft(draft: Any) -> Draft:
    """Return the draft after checking it.

    Raises:
        EncodeError: it is not a Draft, or a field has a value that no store can write.
    """
    if type(draft) is not Draft:
        raise EncodeError(f"expected a Draft, found {type(draft).__name__}")
    for name, least in (("position", 0), ("updated_at_ms", -_LARGEST - 1)):
        number = getattr(draft, name)
        if type(number) is not int:
            raise _refused(f"expected an integer, found {type(number).__name__}", name)
        if not least <= number <= _LARGEST:
            raise _refused(f"expected an integer from {least} to {_LARGEST}", name)
    _check_text(draft.text, "text")
    if draft.reasoning_content is not None:
        _check_text(draft.reasoning_content, "reasoning_content")
    return draft


def _check_text(text: Any, name: str) -> None:
    if type(text) is not str:
        raise _refused(f"expected a text, found {type(text).__name__}", name)
    writable = True
    try:
        text.encode()
    except UnicodeEncodeError:
        writable = False
    if not writable:  # out here, since the error above holds the text
        raise _refused("a lone surrogate, which UTF-8 cannot hold", name)


def _refused(what: str, path: str) -> EncodeError:
    return EncodeError(what, model="Draft", path=path)
