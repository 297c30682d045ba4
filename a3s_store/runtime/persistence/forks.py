"""What a session becomes whose changes cannot be saved where they were made: another session."""

from __future__ import annotations

from typing import Final

from a3s_store.core.snapshot import SessionSnapshot, with_ended_runs

_SUFFIX: Final = 12
# What every store takes: in a folder of files the id is the name of one.
_MOST_BYTES: Final = 250


def fork_id(session_id: str, save_id: bytes) -> str:
    """The id of a fork: that of the session, shortened if need be, `~` and 12 hex digits."""
    begun = session_id.encode()[: _MOST_BYTES - _SUFFIX - 1].decode(errors="ignore")
    return f"{begun}~{save_id.hex()[:_SUFFIX]}"


def fork_of(snapshot: SessionSnapshot, new_id: str, *, made: bool) -> SessionSnapshot:
    """The snapshot under another id. Runs that have not ended count as cancelled in it.

    Their end would never be heard of there. With `made` the name says that it is a fork.
    """
    copy = with_ended_runs(snapshot.fork(new_id))
    if made:
        config = copy.session.config
        config = config.evolve(name=f"{config.name} (fork)".strip())
        copy = copy.evolve(session=copy.session.evolve(config=config))
    return copy
