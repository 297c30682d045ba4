"""The hooks for PyInstaller, which makes programs that have this package.

PyInstaller finds `hook_dirs` by the entry point `pyinstaller40` of the installed distribution.
Source: https://pyinstaller.org/en/stable/hooks.html#provide-hooks-with-package
"""

from pathlib import Path


def hook_dirs() -> list[str]:
    """Return the folder of the hooks."""
    return [str(Path(__file__).parent)]
