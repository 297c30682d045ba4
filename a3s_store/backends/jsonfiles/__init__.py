"""The store on a directory of JSON files, with the layout of upstream's `FileSessionStore`.

`layout` has the names of files, `claims` their owners and the ids in the directory, `content` the
encoding of files, `atomic_write` changes to files, `lock` the lock of the directory. `directory`
has the operations, made of these; `store` runs them on threads.
"""

from a3s_store.backends.jsonfiles.store import FileSessionStore

__all__ = ["FileSessionStore"]
