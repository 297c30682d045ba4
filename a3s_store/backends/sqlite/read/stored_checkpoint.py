"""The fetched rows of a checkpoint."""

from __future__ import annotations

from typing import Any

import attrs

from a3s_store.backends.sqlite.read.messages import MessageRange

Tree = dict[str, Any]


@attrs.frozen
class FetchedCheckpoint:
    """The JSON object of a checkpoint without messages, its digest, and the messages to read.

    `messages` is None for a workflow checkpoint. `base_length` and `claimed_by` as in
    `RunCheckpoint`.
    """

    tree: Tree
    digest: bytes
    messages: MessageRange | None
    base_length: int | None = None
    claimed_by: str | None = None
