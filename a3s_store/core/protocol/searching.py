"""The protocol of stores that promise `search`: full-text search over conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from a3s_store.core.protocol.session_store import SessionStore

if TYPE_CHECKING:
    from a3s_store.core.listing.values import Page, SessionFilter
    from a3s_store.core.search.values import SearchHit, SearchOrder, SearchSyntax


@runtime_checkable
class SearchingStore(SessionStore, Protocol):
    """A store that promises `search`."""

    async def search(
        self,
        query: str,
        *,
        where: SessionFilter | None = None,
        order: SearchOrder = "relevance",
        limit: int = 20,
        after: str | None = None,
        syntax: SearchSyntax = "words",
    ) -> Page[SearchHit]:
        """Return messages of current conversations that have all words of a query.

        A query is words, `"phrases"` in quotes, and beginnings of words (`exa*`). Case, accents,
        width and ligatures do not count; in scripts without spaces any run of characters is found.
        Parts of identifiers are words: `bar` finds `foo_bar`, `fooBar` and `src/bar.py`. There is
        no other syntax, so no query text fails. With `syntax` "fts5" it is an expression of
        SQLite's FTS5 (`AND`, `OR`, `NOT`, `NEAR(a b, 5)`, `^first`), whose words are compared in
        the same way; that is not for texts of users. Searched are texts, names and inputs of tool
        calls, and the beginnings and ends of results. `where` may be a `SearchFilter`. A message
        that several sessions share is a hit in each. Saved messages are found at once.

        "newest" is by when messages were stored, the last first. "relevance" is as each backend
        ranks hits; its pages may repeat or miss hits when messages are saved meanwhile. `after` is
        `Page.next` of the page before. One call looks at a limited number of messages, so a page
        may have few hits, or none, and still a next one. `partial` is True where hits may be
        missing: more matched than are ranked, or a message is damaged. Search is a convenience:
        that nothing is found proves nothing.

        Raises:
            InvalidArgumentError: an argument has a wrong value, the query has no word, or FTS5
                refuses the expression.
            InvalidCursorError: `after` is damaged, or of another search or store.
            SearchUnavailableError: this Python's SQLite has no full-text search.
        """


def searching(store: SessionStore) -> SearchingStore | None:
    """Return the store if it promises `search`, else None."""
    if store.capabilities().search and isinstance(store, SearchingStore):
        return store
    return None
