"""What every `SessionStore` owes, as checks that run on anybody's store.

With pytest, in a file of your own; a check of what your store does not promise is skipped:

    import asyncio, pytest
    from a3s_store.testing import conformance
    from my_project import MyStore

    @pytest.mark.parametrize("check", conformance.checks(), ids=str)
    def test_my_store(check, tmp_path):
        asyncio.run(check.run(conformance.StoreMaker(lambda place: MyStore.open(place), tmp_path)))

Without pytest, a report by capability:

    report = asyncio.run(conformance.run_conformance(lambda place: MyStore.open(place)))
    print(report)
    assert report.ok

`lambda place: ...` is given a folder and answers an awaitable of an open store that keeps its data
there. Opened at the same folder again, a store finds what the last one left; one that keeps nothing
takes no notice of it. A store on a server makes a database or schema named after the folder.

Every check names the rule it stands for (`check.rule`), its group and the capability it belongs to,
if any. Checks without a capability are owed by all; the others by stores whose `capabilities()`
declares it. What is declared and has no check here is in `report.untested`.

Like hypothesis's own database tests and ZODB's BasicStorage: the suite ships with the package, and
our own stores pass the same one. It imports neither pytest nor hypothesis.
"""

from typing import TYPE_CHECKING

from a3s_store._deprecated import names_of
from a3s_store.testing.conformance import agent_memory as _agent_memory
from a3s_store.testing.conformance import checkpoints as _checkpoints
from a3s_store.testing.conformance import claims as _claims
from a3s_store.testing.conformance import collections as _families
from a3s_store.testing.conformance import conditional as _conditional
from a3s_store.testing.conformance import conditional_refusals as _conditional_refusals
from a3s_store.testing.conformance import drafts as _drafts
from a3s_store.testing.conformance import generations as _generations
from a3s_store.testing.conformance import ids as _ids
from a3s_store.testing.conformance import lifecycle as _life
from a3s_store.testing.conformance import refusals as _refusals
from a3s_store.testing.conformance import sessions as _sessions
from a3s_store.testing.conformance import snapshots as _snapshots
from a3s_store.testing.conformance import values as _values
from a3s_store.testing.conformance.suite import (
    Check,
    ConformanceReport,
    NotSupported,
    OpenStore,
    Outcome,
    StoreMaker,
    registered,
    run_conformance,
)

__all__ = [
    "Check",
    "ConformanceReport",
    "NotSupported",
    "OpenStore",
    "Outcome",
    "StoreMaker",
    "checks",
    "run_conformance",
]

# Importing a file registers its checks.
_FILES = (
    _agent_memory,
    _checkpoints,
    _drafts,
    _claims,
    _conditional,
    _conditional_refusals,
    _families,
    _generations,
    _ids,
    _life,
    _refusals,
    _sessions,
    _snapshots,
    _values,
)


def checks() -> tuple[Check, ...]:
    """Every check there is."""
    return registered()


# Hidden from type checkers, which would believe in every name.
if not TYPE_CHECKING:
    __getattr__ = names_of(__name__)
