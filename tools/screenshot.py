"""The picture of an HTML transcript in the documents, made by Chromium of the demo's session.

`python -m tools.screenshot` writes docs/transcript.png; Debian's package chromium is needed.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

from a3s_store import MemorySessionStore
from a3s_store.interop import export_transcripts
from a3s_store.models import Message
from examples.demo import session as demo
from tools import chromium

PICTURE: Final = Path(__file__).parents[1] / "docs" / "transcript.png"
_NOW: Final = 1_779_100_000


async def _export(folder: Path) -> Path:
    """Write the transcript of the demo's session, with a branch."""
    async with MemorySessionStore() as store:
        snapshot = demo.snapshot(_NOW)
        await store.save_snapshot(snapshot)
        asked = len(snapshot.session.messages) - 1
        await store.rewind(demo.SESSION_ID, asked)
        await store.append(demo.SESSION_ID, [Message.assistant("Another reply.")])
        await store.switch_branch(demo.SESSION_ID, 1)
        await export_transcripts(store, folder, format="html")
    return next(folder.glob("*.html"))


def main() -> int:
    """Write the picture; return the exit code."""
    if chromium.installed() is None:
        print("chromium is not installed (Debian: apt-get install chromium)", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder, chromium.page() as page:
        page.emulate(width=860, height=900)
        page.open(asyncio.run(_export(Path(folder))))
        page.value("document.querySelector('article details').open = true")
        PICTURE.write_bytes(page.screenshot())
    print(f"{PICTURE.name}: {PICTURE.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
