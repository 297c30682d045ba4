"""Sessions in and out of a store: upstream's directories, and the files of other tools.

`import_directory` reads a directory of 2.6.0 to 3.3.0 into a store; `export_directory` writes the
same bytes as upstream. `import_history` reads the histories of other tools, `export_transcripts`
writes transcripts and the formats of providers. All report every file, continue after a bad one,
and can be run again after an interruption: values that are stored already are skipped.

The modules are in `a3s_store.importers` and `a3s_store.exporters`; these names are promised.
"""

from a3s_store.core.transfer_report import (
    Progress,
    SessionPairs,
    TransferEntry,
    TransferReport,
)
from a3s_store.exporters.transcripts import export_transcripts
from a3s_store.exporters.upstream import export_directory
from a3s_store.importers.histories import import_history
from a3s_store.importers.upstream import import_directory

__all__ = [
    "Progress",
    "SessionPairs",
    "TransferEntry",
    "TransferReport",
    "export_directory",
    "export_transcripts",
    "import_directory",
    "import_history",
]
