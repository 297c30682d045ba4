"""A checkpoint as its rows were read."""

from __future__ import annotations

from typing import Any

import attrs

from a3s_store.backends.sqlite.read.messages import MessageRange

Tree = dict[str, Any]


@attrs.frozen
class FetchedCheckpoint:
    """A checkpoint as it was fetched: its JSON object, its digest, a loop's messages.

    `base_length` and `claimed_by` as in `RunCheckpoint`.
    """

    tree: Tree
    digest: bytes
    messages: MessageRange | None
    base_length: int | None = None
    claimed_by: str | None = None
