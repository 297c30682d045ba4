"""The tree of sessions that their parents make."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping


def below(session_id: str, parents: Mapping[str, str | None]) -> list[str]:
    """Return a session and all its descendants, each after its own descendants.

    `parents` has the parent of each session. Parents may be missing, or form a cycle.
    """
    children: defaultdict[str, list[str]] = defaultdict(list)
    for one, parent in parents.items():
        if parent is not None:
            children[parent].append(one)
    found = {session_id: None}
    waiting = [session_id]
    while waiting:
        for one in children[waiting.pop()]:
            if one not in found:
                found[one] = None
                waiting.append(one)
    return list(reversed(found))
