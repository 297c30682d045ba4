"""The scenarios of the WAL-reset bug: other programs lose saves in them, this store does not."""

from __future__ import annotations

import pytest

from a3s_store.backends.sqlite.connection import wal_checkpoint
from tests.faults.campaigns import reset

pytestmark = pytest.mark.skipif(
    reset.unavailable() is not None, reason=f"the scenarios prove nothing: {reset.unavailable()}"
)


@pytest.mark.parametrize("way", ["a save", "call"])
def test_a_checkpoint_without_the_write_lock_is_found(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(
        wal_checkpoint, "checkpoint", wal_checkpoint.checkpoint
    )  # put back afterwards
    assert reset.play("tests.faults.planted_faults:checkpoints_unguarded", 1, way, False)
