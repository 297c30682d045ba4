"""Sessions in and out of upstream's directories, for any store.

`import_directory` reads a directory of 2.6.0 to 3.3.0 into a store, `export_directory` writes one
from a store, byte for byte what upstream would have there. Both account for every file, go on after
a bad one, and may simply be run again after an interruption: what is there already is passed over.

`source` finds out what a directory holds and `reading` what is in it, `keep` puts things into a
store and decides conflicts, `importing` and `exporting` go through it all, `report` is the answer.
"""

from a3s_store.interop.exporting import export_directory
from a3s_store.interop.importing import import_directory
from a3s_store.interop.report import Progress, TransferEntry, TransferReport

__all__ = [
    "Progress",
    "TransferEntry",
    "TransferReport",
    "export_directory",
    "import_directory",
]
