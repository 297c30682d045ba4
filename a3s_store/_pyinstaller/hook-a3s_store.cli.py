"""For a program that has the command line: its commands, which are imported by name."""

from PyInstaller.utils.hooks import collect_submodules

hiddenimports = collect_submodules("a3s_store.cli")
