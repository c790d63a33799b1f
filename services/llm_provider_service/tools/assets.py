"""`./dev assets [VERSION]`: take Swagger UI, which the page at /docs shows, from its npm package.

The files are committed, so this, and npm, are needed only to update them. Without VERSION it takes the recorded
version, and the package must not have changed. No code of the package is run, and its dependency (which reports
installations) is not taken.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256, sha512
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parents[1] / "api" / "docs_page" / "swagger_ui"
RECORD: Final = "origin.json"
PACKAGE: Final = "swagger-ui-dist"
TAKEN: Final = (
    "LICENSE",
    "NOTICE",
    "swagger-ui-bundle.js",
    "swagger-ui-bundle.js.LICENSE.txt",
    "swagger-ui.css",
)


class NotTaken(Exception):
    """The reason why nothing was changed."""


def main(arguments: Sequence[str]) -> int:
    """Update the files and print their names; returns 1 with a message if that was not possible."""
    try:
        version = arguments[0] if arguments else json.loads((FOLDER / RECORD).read_text(encoding="utf-8"))["version"]
        with tempfile.TemporaryDirectory(prefix="assets-") as folder:
            take(fetched(version, Path(folder)), version, FOLDER)
    except NotTaken as refused:
        print(f"./dev assets: {refused}", file=sys.stderr)
        return 1
    print(f"{PACKAGE} {version}: {', '.join(TAKEN)}")
    return 0


def fetched(version: str, folder: Path) -> Path:
    """Returns the package that npm downloads into *folder*; npm checks it against the registry's checksum."""
    command = ["npm", "pack", "--silent", "--ignore-scripts", f"{PACKAGE}@{version}"]
    try:
        subprocess.run(command, cwd=folder, check=True)
    except FileNotFoundError as exc:
        raise NotTaken("npm is not installed (Debian: apt install npm).") from exc
    except subprocess.CalledProcessError as exc:
        raise NotTaken(f"npm has no {PACKAGE} {version}, or no registry.") from exc
    return next(folder.glob("*.tgz"))


def take(package: Path, version: str, folder: Path) -> None:
    """Write the files of *package* into *folder*, with a record of their origin and their SHA-256.

    Raises `NotTaken`, and writes nothing, if a file is missing, or if *version* is the recorded one but the package
    differs.
    """
    integrity = f"sha512-{b64encode(sha512(package.read_bytes()).digest()).decode()}"
    record = folder / RECORD
    known = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    if known.get("version") == version and known["integrity"] != integrity:
        raise NotTaken(f"{PACKAGE} {version} is not the package that is recorded: {integrity}.")
    files = _files(package)
    said = {
        "name": PACKAGE,
        "version": version,
        "integrity": integrity,
        "sha256": {name: sha256(content).hexdigest() for name, content in files.items()},
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    record.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def _files(package: Path) -> dict[str, bytes]:
    with tarfile.open(package) as archive:
        members = {member.name: member for member in archive.getmembers() if member.isfile()}
        missing = [name for name in TAKEN if f"package/{name}" not in members]
        if missing:
            raise NotTaken(f"the package has no {', '.join(missing)}.")
        return {name: _content(archive, members[f"package/{name}"]) for name in TAKEN}


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = archive.extractfile(member)
    assert opened is not None, "only files are asked for"  # noqa: S101  # narrows the type
    return opened.read()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
