"""The scenes of the WAL-reset bug: other programs lose saves in them, this store does not."""

from __future__ import annotations

import pytest

from a3s_store.sqlite import wal
from a3s_store.testing.faults import reset

pytestmark = pytest.mark.skipif(
    reset.unavailable() is not None, reason=f"the scenes cannot be played: {reset.unavailable()}"
)
affected = pytest.mark.skipif(
    not wal.has_reset_bug(), reason="this SQLite has the bug no more: nothing is proven"
)


@affected
@pytest.mark.parametrize("way", ["a save", "close", "call"])
def test_a_checkpoint_without_the_write_lock_is_found(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(wal, "checkpoint", wal.checkpoint)  # put back afterwards
    assert reset.play("tests.fault.planted:checkpoints_unguarded", 1, way, False)
