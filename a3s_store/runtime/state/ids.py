"""Which ids a live session may have. Stores take more."""

from __future__ import annotations

import re
from typing import Any, Final

from a3s_store.core.collections import check_id
from a3s_store.errors import InvalidIdError

_SAFE: Final = re.compile(r"[A-Za-z0-9_.~-]+", re.ASCII)


def check_session_id(session_id: Any) -> str:
    """The id, when a live session may have it: ASCII letters, digits, `-`, `_`, `.` and `~`.

    Stores take any text; here it has to be fit for a file name on every system, so there is no
    leading dot and no `..`. Upstream: `validate_path_segment` (L1), which takes no `~`: the ids of
    forks have one.

    Raises:
        InvalidIdError
    """
    if session_id == "":
        raise InvalidIdError("Session ID must not be empty", op="create a session")
    check_id(session_id)
    unsafe = (
        session_id.startswith((".", "~")) or ".." in session_id or not _SAFE.fullmatch(session_id)
    )
    if unsafe:
        shown = session_id.replace("\\", "\\\\").replace('"', '\\"')
        raise InvalidIdError(
            f'Session ID contains unsafe characters: "{shown if shown.isprintable() else "..."}"',
            op="create a session",
            hint="Use letters, digits, '-', '_' and '.', and no leading or double dot",
        )
    return str(session_id)
