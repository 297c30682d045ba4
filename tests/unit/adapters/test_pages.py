"""The programs of the pages about adapters run, each in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("page", "needed", "said"),
    [
        (
            "langgraph-checkpoints",
            "langgraph.checkpoint.base",
            "{'n': 2} [('task', 'n', 3)]\n[2]\n",
        ),
        (
            "langgraph-store",
            "langgraph.store.base",
            "['pet']\n('users', 'ann') 1.0 [('users', 'ann'), ('users', 'bob')]\n",
        ),
        (
            "openai-agents",
            "agents.memory",
            "['hi', 'hello', 'bye']\nbye ['hello']\n",
        ),
        (
            "strands",
            "strands.session",
            "['why does the login fail?', 'and the logout?']\n",
        ),
    ],
)
def test_the_program_of_a_page_runs(page: str, needed: str, said: str, tmp_path: Path) -> None:
    pytest.importorskip(needed, reason="the framework's extra is not installed")
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", text, re.S)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", said)
