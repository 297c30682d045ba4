"""What a limit on a live collection may be: None for none, else an integer from 0 on."""

from __future__ import annotations

from a3s_store.errors import SessionConfigError


def check_limit(limit: int | None, name: str) -> int | None:
    """The limit, if it can be one. Raises SessionConfigError, which names it."""
    if limit is not None and (type(limit) is not int or limit < 0):
        raise SessionConfigError(
            f"{name} must be None or an integer from 0 on", field=name, hint="None is no limit"
        )
    return limit
