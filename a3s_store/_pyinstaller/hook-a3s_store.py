"""For a program that uses the package: the SQL files, and modules that are imported by name."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

# These need what a program that uses the store may not have; it imports those that it uses.
_APART = ("a3s_store.testing", "a3s_store.cli", "a3s_store._demo", "a3s_store._pyinstaller")

datas = collect_data_files("a3s_store")
hiddenimports = collect_submodules("a3s_store", filter=lambda name: not name.startswith(_APART))
