"""Vectors of texts: which texts of a value get one, their bytes, and their similarity."""

from __future__ import annotations

import array
import math
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from a3s_store.adapters._peers import needs

with needs("langgraph"):
    from langgraph.store.base import ensure_embeddings, get_text_at_path, tokenize_path

Embed = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]


class Index:
    """LangGraph's configuration of semantic search: an embedding function, and paths of texts."""

    def __init__(self, config: Mapping[str, Any] | None, *, awaits: bool) -> None:
        """With `awaits` the embedding's async methods are used, else those that block."""
        self.is_on = config is not None
        self.config = None if config is None else dict(config)
        self.embeddings = None if config is None else ensure_embeddings(config["embed"])
        self._awaits = awaits
        paths = None if config is None else config.get("fields") or config.get("text_fields")
        self._paths = [(path, _tokens(path)) for path in paths or ("$",)]

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a vector for each text; none where there are no texts."""
        if not texts or self.embeddings is None:
            return ()
        found: Sequence[Sequence[float]] = (
            await self.embeddings.aembed_documents(list(texts))
            if self._awaits
            else self.embeddings.embed_documents(list(texts))
        )
        return found

    def texts(self, value: Mapping[str, Any], index: Any) -> list[tuple[str, str]]:
        """Return the texts of a value that get a vector, each with its path.

        `index` is that of the operation: paths in place of those configured; False for none.
        """
        if not self.is_on or index is False:
            return []
        paths = self._paths if index is None else [(path, _tokens(path)) for path in index]
        return [
            (f"{path}.{number}", text)
            for path, tokens in paths
            for number, text in enumerate(get_text_at_path(value, tokens))
        ]


def packed(vector: Sequence[float]) -> bytes:
    """Return a vector as float32 numbers, little-endian."""
    numbers = array.array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def unpacked(data: bytes) -> Sequence[float]:
    """Return the vector of bytes that `packed` made."""
    numbers = array.array("f", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def similarity(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the cosine of the angle between vectors: -1 where they are of different spaces."""
    if len(one) != len(other):
        return -1.0
    lengths = math.hypot(*one) * math.hypot(*other)
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / lengths if lengths else 0.0


def _tokens(path: str) -> Any:
    return path if path == "$" else tokenize_path(path)
