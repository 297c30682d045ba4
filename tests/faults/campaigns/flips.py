"""Bits of a closed database are flipped, one in each copy.

Each copy is opened, and everything is loaded from it: the store returns the saved values, or raises
a typed error that names the session. The bits of the file's header are flipped, then bits at random
places.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from tests.faults.harness import forks, full_store
from tests.faults.harness.damaged_store import Examiner
from tests.faults.harness.report import Report, Size

# How many bits at random places, and one bit of the header in so many.
_FLIPS: Final = {"short": 160, "long": 99_200}
_EVERY: Final = {"short": 12, "long": 1}
_TURNS: Final = 18
_HEADER: Final = 100
# Flips of one process.
_SHARE: Final = 40

# A bit: the offset of its byte, and its number in it.
Bit = tuple[int, int]


def run(report: Report, size: Size) -> None:
    """Flip bits of the header, then bits at random places."""
    attack(report, _FLIPS[size], every=_EVERY[size])


def attack(report: Report, count: int, *, every: int | None = None) -> None:
    """Flip so many bits at random places, before them one bit of the header in `every`."""
    with forks.scratch() as folder:
        original = full_store.create(report, folder, _TURNS)
        if original is None:
            return
        data = original.files[""]
        report.add(database_bytes=len(data))
        chance = random.Random(report.seed)
        header = range(report.seed % every, 8 * _HEADER, every) if every else ()
        bits: list[Bit] = [divmod(bit, 8) for bit in header]
        bits += [(chance.randrange(len(data)), chance.randrange(8)) for _ in range(count)]
        forks.share(
            report,
            lambda own, share: _flip(own, share, Examiner(own, folder, original)),
            [bits[first : first + _SHARE] for first in range(0, len(bits), _SHARE)],
        )


def _flip(report: Report, bits: Sequence[Bit], examiner: Examiner) -> None:
    for at, bit in bits:
        data = bytearray(examiner.original.files[""])
        data[at] ^= 1 << bit
        # A harmless flip is verified only now and then: the verification must not fail.
        found, missed = examiner.examine(thorough=at % 8 == 0, db=bytes(data))
        report.add(flips=1, integrity_check_missed=missed, **{found.outcome: 1, **found.counts})
        for failure in found.failures:
            report.fail(f"bit {bit} of byte {at}: {failure}")
        if report.is_enough:
            return
