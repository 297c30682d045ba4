"""Filters and rows of lists of sessions, and pages of any list: values, no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar, get_args

import attrs

from a3s_store.wire.values import EMPTY

T_co = TypeVar("T_co", covariant=True)

SessionOrder: TypeAlias = Literal["updated", "created", "name", "cost", "messages"]
ORDERS: Final[tuple[SessionOrder, ...]] = get_args(SessionOrder)


class SessionSummary(NamedTuple):
    """The row of a session in a list; making it does not read the conversation.

    `messages` is the number of messages, `generation` the number of the last save. Times are Unix
    seconds, as the caller saved them; `total_tokens` is None beyond 63 bits.

    `interrupted` counts unfinished runs with a checkpoint that no open live session has claimed;
    `running` those that one has claimed. `unsaved_messages` is the number of messages that
    interrupted runs have and the session does not; `draft` is whether a run of either kind has an
    unfinished reply. `parent_id` is the session's own; the parent may be deleted.

    `first_prompt` has the first 200 characters of the first prompt, looked for in 100 messages,
    None without one. `labels`, `pinned`, `archived` and `trashed_at_ms` are the host's (`update`,
    `trash`). Names with `_ms` are Unix milliseconds of the store's clock, None where it keeps none:
    when the last message was added, and when anything changed last. `sequence` is the number of
    that change in the commit log, None in a store without one.
    """

    id: str
    name: str
    state: str
    workspace: str
    model_name: str | None
    messages: int
    total_tokens: int | None
    total_cost: float
    created_at: int
    updated_at: int
    generation: int
    interrupted: int = 0
    running: int = 0
    unsaved_messages: int = 0
    draft: bool = False
    parent_id: str | None = None
    tenant_id: str | None = None
    first_prompt: str | None = None
    labels: Mapping[str, str] = EMPTY
    pinned: bool = False
    archived: bool = False
    trashed_at_ms: int | None = None
    last_message_at_ms: int | None = None
    changed_at_ms: int | None = None
    sequence: int | None = None


@attrs.frozen(kw_only=True)
class SessionFilter:
    """Which sessions a list has: those for which every given condition holds.

    `text` occurs in the name or the first prompt; case, normalisation and width do not count. Each
    key of `labels` is a label that a session must have: with the value, with one of several, or
    with any (None). `id_prefix` is the beginning of the id. A collection means one of its texts, at
    most 1000.
    Times are Unix seconds or datetimes with a time zone; `_since` includes the moment, `_before`
    does not. `changed_after` is a sequence of the commit log: sessions that changed since.

    `pinned`, `archived` and `trashed` are True, False, or None for both; so lists have no archived
    and no trashed sessions unless they are asked for.
    """

    text: str | None = None
    labels: Mapping[str, str | Collection[str] | None] = EMPTY
    ids: Collection[str] | None = None
    id_prefix: str | None = None
    workspace: str | Collection[str] | None = None
    state: str | Collection[str] | None = None
    model: str | Collection[str] | None = None
    parent: str | Collection[str] | None = None
    tenant: str | Collection[str] | None = None
    principal: str | Collection[str] | None = None
    updated_since: int | datetime | None = None
    updated_before: int | datetime | None = None
    created_since: int | datetime | None = None
    changed_after: int | None = None
    pinned: bool | None = None
    archived: bool | None = False
    trashed: bool | None = False


@attrs.frozen(kw_only=True)
class Page(Generic[T_co]):
    """Some rows of a list in order.

    `next` is the `after` of the next page, None on the last one. `partial`: rows may be missing
    that could not be looked at now.
    """

    items: tuple[T_co, ...]
    next: str | None = None
    partial: bool = False

    def __iter__(self) -> Iterator[T_co]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
