"""What is whole of a damaged file, as a new store.

The road: the bytes of the file and of its log (`frames`) become pages and rows (`pages`), rows
become tables (`carving`), which are joined again where what joined them is lost (`mending`); what
can be proven of them is found (`finding`) and saved through the ordinary door (`salvaging`).
"""

from a3s_store.backends.sqlite.salvage.run import salvage

__all__ = ["salvage"]
