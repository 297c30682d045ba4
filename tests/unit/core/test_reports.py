"""Reports that are printed hold text from outside, and show it escaped."""

from __future__ import annotations

from a3s_store.core.reports import Damage
from a3s_store.core.transfer_report import SessionPairs, TransferEntry, TransferReport

_HOSTILE = "x\x1b[2J\u200b\nwritten all.json\r"
_SHOWN = "x\\x1b[2J\\u200b\\nwritten all.json\\x0d"


def test_a_transfer_report_has_a_line_for_each_entry_whatever_is_in_a_name() -> None:
    report = TransferReport.of(
        [TransferEntry(path=_HOSTILE, outcome="refused", reason=_HOSTILE)],
        notes=(_HOSTILE,),
        pairs=[SessionPairs(session_id=_HOSTILE, open_calls=1)],
    )
    assert str(report).split("\n") == [
        f"refused  {_SHOWN}: {_SHOWN}",
        f"pairs    {_SHOWN}: 1 open call",
        f"Note: {_SHOWN}.",
    ]


def test_damage_is_one_printable_line() -> None:
    damage = Damage(part=_HOSTILE, what=_HOSTILE, session_id="a")
    assert str(damage) == f"{_SHOWN} of 'a': {_SHOWN}"
