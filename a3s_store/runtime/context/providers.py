"""Context providers: what a model should know besides the conversation, behind the system prompt.

Providers return text of unknown origin, which is set between `<context>` tags. Upstream's first
releases did not escape it, so a text with `</context>` could go on as if the application had
written it; later ones do, and so does this module: content and source are always data.

Invariants: 1. a provider that fails loses only its own context; the log has its name and the class
of its error, and no text of the query or of results; 2. results have the order of the providers.
Upstream: context.rs (runtime 9).
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs

from a3s_store.core.clean import clean_json
from a3s_store.models import ContextResolved, ContextResolving
from a3s_store.runtime.observation.events import Emit
from a3s_store.wire import EMPTY, freeze

_log = logging.getLogger("a3s_store.session.context")


class ContextType(enum.StrEnum):
    """The kind of a piece of context. Upstream: `ContextType`."""

    MEMORY = "Memory"
    RESOURCE = "Resource"
    SKILL = "Skill"


class ContextDepth(enum.StrEnum):
    """How much is wanted: a summary, the key points, or all. Upstream: `ContextDepth`."""

    ABSTRACT = "Abstract"
    OVERVIEW = "Overview"
    FULL = "Full"


@attrs.frozen(kw_only=True)
class ContextQuery:
    """A query to context providers, who keep its limits. Upstream: `ContextQuery`."""

    query: str
    context_types: tuple[ContextType, ...] = (ContextType.RESOURCE,)
    depth: ContextDepth = ContextDepth.OVERVIEW
    max_results: int = 10
    max_tokens: int = 4000
    session_id: str | None = None
    params: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze)


def _cleaned(metadata: Mapping[str, Any]) -> Any:
    return freeze(clean_json(metadata))


@attrs.frozen(kw_only=True)
class ContextItem:
    """One piece of context.

    `token_count` is an estimate; `relevance` is from 0 to 1; `source` is its origin, a URI for
    instance, or None. Texts that cannot be written are cleaned. Upstream: `ContextItem`.
    """

    id: str = attrs.field(converter=clean_json)
    context_type: ContextType
    content: str = attrs.field(converter=clean_json)
    token_count: int = 0
    relevance: float = 0.0
    source: str | None = attrs.field(default=None, converter=clean_json)
    metadata: Mapping[str, Any] = attrs.field(default=EMPTY, converter=_cleaned)

    def to_xml(self) -> str:
        """Return the content in a `<context>` element, escaped. Upstream: `ContextItem::to_xml`."""
        source = "" if self.source is None else f' source="{_attribute(self.source)}"'
        kind = self.context_type.value
        return f'<context{source} type="{kind}">\n{_text(self.content)}\n</context>'


@attrs.frozen(kw_only=True)
class ContextResult:
    """The results of one provider. `total_tokens` is the sum of its items' unless given.

    `truncated` says that the limits left some out. Upstream: `ContextResult`.
    """

    provider: str
    items: tuple[ContextItem, ...] = ()
    total_tokens: int = attrs.field(
        default=attrs.Factory(
            lambda self: sum(item.token_count for item in self.items), takes_self=True
        )
    )
    truncated: bool = False

    def to_xml(self) -> str:
        """Return the elements of the items, with an empty line between them."""
        return "\n\n".join(item.to_xml() for item in self.items)


class ContextProvider(Protocol):
    """Finds context for a prompt, and may learn from the turn that follows."""

    @property
    def name(self) -> str:
        """The provider's name in events, in logs, and for removing it."""
        ...

    async def query(self, query: ContextQuery) -> ContextResult:
        """Return the context for a query; a result without items when there is none."""
        ...

    async def on_turn_complete(self, session_id: str, prompt: str, response: str) -> None:
        """Take note of a turn that ended. Does nothing unless overridden."""
        return


async def resolve_context(
    providers: Sequence[ContextProvider], query: ContextQuery, emit: Emit
) -> tuple[ContextResult, ...]:
    """Query the providers one after the other; return their results, without empty ones.

    Emits ContextResolving and ContextResolved; neither when there are no providers.
    """
    if not providers:
        return ()
    emit(ContextResolving(providers=tuple(provider.name for provider in providers)))
    found: list[ContextResult] = []
    for provider in providers:
        try:
            result = await provider.query(query)
        except Exception as error:
            _log.warning("context provider %s failed: %s", provider.name, type(error).__name__)
            continue
        if result.items:
            found.append(result)
    emit(
        ContextResolved(
            total_items=sum(len(result.items) for result in found),
            total_tokens=sum(result.total_tokens for result in found),
        )
    )
    return tuple(found)


def with_context(system_prompt: str | None, results: Sequence[ContextResult]) -> str:
    """Return the system prompt with the results behind it, an empty line before each."""
    parts = (system_prompt or "", *(result.to_xml() for result in results))
    return "\n\n".join(part for part in parts if part)


async def turn_complete(
    providers: Sequence[ContextProvider], session_id: str, prompt: str, response: str
) -> None:
    """Tell every provider of the turn that ended; one that fails is logged and skipped."""
    for provider in providers:
        try:
            await provider.on_turn_complete(session_id, prompt, response)
        except Exception as error:
            _log.warning(
                "context provider %s did not take the turn: %s",
                provider.name,
                type(error).__name__,
            )


# `xml.sax.saxutils` would import an HTTP client; `html.escape` writes apostrophes otherwise.
def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _attribute(text: str) -> str:
    return _text(text).replace('"', "&quot;").replace("'", "&apos;")
