"""The store on a directory of JSON files, laid out as upstream's `FileSessionStore` lays it out.

`layout` knows names, `owners` which id owns one, `listing` which are there; `lock` says who may
work in the directory, `atomic` how a file changes, `content` what stands in it. `directory` does
each operation with them, `store` is the async skin over it.
"""

from a3s_store.backends.jsonfiles.store import FileSessionStore

__all__ = ["FileSessionStore"]
