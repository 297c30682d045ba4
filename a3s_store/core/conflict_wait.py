"""The wait between the tries of a change that others came before."""

from __future__ import annotations

import asyncio
import random
from typing import Final

# Seconds of the longest wait before the second try, and before any later one.
_FIRST_WAIT: Final = 0.005
_LONGEST_WAIT: Final = 0.2


async def wait_after(number: int) -> None:
    """Wait for a while after a try that met a conflict; the first has the number 0."""
    longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(number, 10))
    await asyncio.sleep(random.uniform(0, longest))
