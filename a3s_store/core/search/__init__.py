"""Full-text search: words of texts, queries, and the reference for every store's hits.

The modules named here are imported when they are first used.
"""

from typing import TYPE_CHECKING

from a3s_store._forks import submodules

if TYPE_CHECKING:
    from a3s_store.core.search import paging, phrases, queries, ranking, texts, values, words

__all__ = ["paging", "phrases", "queries", "ranking", "texts", "values", "words"]

if not TYPE_CHECKING:  # with it, a type checker would accept every name
    __getattr__ = submodules(__name__, __all__)
