"""Environments for peers: made with the peer's distributions and this package of the checkout."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from tests.outside.peers import Peer

ROOT: Final = Path(__file__).parents[2]
PLUGINS: Final = Path(__file__).parent / "plugins"
# What our own tests need beside the framework.
_FOR_OURS: Final = ("pytest>=8.3,<10", "pytest-cov>=6,<8", "pytest-timeout>=2.4,<3")
_VERSIONS: Final = """
import importlib.metadata, json, sys
print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))
"""


@attrs.frozen
class Environment:
    """A Python with packages in a folder."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        place = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
        return self.folder / "venv" / place

    def run(self, *arguments: str, cwd: Path, **variables: str) -> int:
        """Run its interpreter, with `plugins/` among the modules; return the exit code."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        variables = {**kept, "PYTHONPATH": str(PLUGINS), **variables}
        done = subprocess.run([str(self.python), *arguments], cwd=cwd, env=variables, check=False)
        return done.returncode

    def output(self, *arguments: str) -> str:
        """Return what its interpreter prints. Raises CalledProcessError."""
        done = subprocess.run(
            [str(self.python), *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout

    def versions(self, names: Sequence[str]) -> str:
        """Return the versions of installed distributions, as JSON."""
        return self.output("-c", _VERSIONS, *names)


# Those of this process have the package as it is now.
_made: Final[list[Environment]] = []


def made(peer: Peer, extras: Sequence[str], folder: Path) -> Environment:
    """Return the environment of a peer, in a folder; made unless it is there."""
    found = Environment(folder / peer.environment)
    if found in _made:
        return found
    _made.append(found)
    wanted = [*peer.requirements, *_FOR_OURS, f"{ROOT}[{','.join(extras)}]"]
    note = found.folder / "installed"
    if note.is_file() and note.read_text(encoding="utf-8") == "\n".join(wanted):
        # The checkout may have changed since.
        _pip(found, "install", "--force-reinstall", "--no-deps", str(ROOT))
        return found
    venv.create(found.folder / "venv", with_pip=True, clear=True)
    _pip(found, "install", *wanted)
    note.write_text("\n".join(wanted), encoding="utf-8")
    return found


def source_of(environment: Environment, requirement: str) -> tuple[Path, str]:
    """Fetch the sdist of a requirement and unpack it anew; return its folder and its SHA-256."""
    place = environment.folder / "sources" / requirement
    if not place.is_dir():
        options = ("--no-deps", "--no-binary", ":all:", "--dest", str(place))
        _pip(environment, "download", *options, requirement)
    (archive,) = place.glob("*.tar.gz")
    name = archive.name.removesuffix(".tar.gz")
    unpacked = environment.folder / "unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    return unpacked / name, hashlib.sha256(archive.read_bytes()).hexdigest()


def _pip(environment: Environment, *arguments: str) -> None:
    command = [str(environment.python), "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*command, *arguments], check=True, cwd=environment.folder)
