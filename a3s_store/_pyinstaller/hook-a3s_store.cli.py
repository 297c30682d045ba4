"""Adds the modules of the commands, which are imported by name, to a program with the CLI."""

from PyInstaller.utils.hooks import collect_submodules

hiddenimports = collect_submodules("a3s_store.cli")
