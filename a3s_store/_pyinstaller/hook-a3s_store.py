"""Adds the SQL files, and the modules that are imported by name, to a program of the package."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

# Left out: their dependencies may be missing. A program imports those that it uses.
_APART = (
    "a3s_store.adapters",
    "a3s_store.testing",
    "a3s_store.cli",
    "a3s_store._demo",
    "a3s_store._pyinstaller",
)

datas = collect_data_files("a3s_store")
hiddenimports = collect_submodules("a3s_store", filter=lambda name: not name.startswith(_APART))
