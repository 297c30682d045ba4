"""The fetched rows of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from a3s_store.backends.sqlite.read.messages import MessageRange
from a3s_store.core.digests import ListDigest

Tree = dict[str, Any]


@attrs.frozen
class FetchedCheckpoint:
    """The JSON object of a checkpoint without messages, its digest, and the messages to read.

    `messages` is None for a workflow checkpoint. `lists` has the digests of its lists, None where a
    row of one has no row checksum. `base_length` and `claimed_by` as in `RunCheckpoint`.
    """

    tree: Tree
    digest: bytes
    messages: MessageRange | None
    base_length: int | None = None
    claimed_by: str | None = None
    lists: Mapping[str, ListDigest] | None = None
