"""Deprecated: the names of `a3s_store.core.base.store` under their place in release 0.1.0."""

from typing import TYPE_CHECKING

from a3s_store._deprecated import names_of

if TYPE_CHECKING:
    from a3s_store.core.base.store import *  # noqa: F403
else:
    __getattr__ = names_of(__name__)
