"""Sessions in and out of upstream's directories, for any store.

`import_directory` reads a directory of 2.6.0 to 3.3.0 into a store, `export_directory` writes one
from a store, byte for byte what upstream would have there. Both account for every file, go on after
a bad one, and may simply be run again after an interruption: what is there already is passed over.

These names stay here; the modules are in `a3s_store.importers` and `a3s_store.exporters`.
"""

from a3s_store.core.transfer_report import (
    Progress,
    SessionPairs,
    TransferEntry,
    TransferReport,
)
from a3s_store.exporters.upstream import export_directory
from a3s_store.importers.upstream import import_directory

__all__ = [
    "Progress",
    "SessionPairs",
    "TransferEntry",
    "TransferReport",
    "export_directory",
    "import_directory",
]
