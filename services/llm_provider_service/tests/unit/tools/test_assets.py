"""What `./dev assets` takes from a package, and when it takes nothing."""

from __future__ import annotations

import io
import json
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

from services.llm_provider_service.tools.assets import RECORD, TAKEN, NotTaken, fetched, main, take


def package(folder: Path, *names: str, text: str = "as it was") -> Path:
    """A package as npm packs it, of these files."""
    path = folder / "package.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(f"package/{name}")
            content = f"{name}: {text}".encode()
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder


def test_the_files_that_are_needed_are_taken_with_their_hashes_and_no_other(tmp_path: Path, kept: Path) -> None:
    take(package(tmp_path, *TAKEN, "index.html", "../outside"), "1.2.3", kept)
    assert {path.name for path in kept.iterdir()} == {*TAKEN, RECORD}
    said = json.loads((kept / RECORD).read_text(encoding="utf-8"))
    assert (said["name"], said["version"]) == ("swagger-ui-dist", "1.2.3")
    assert said["integrity"].startswith("sha512-")
    assert said["sha256"] == {name: sha256((kept / name).read_bytes()).hexdigest() for name in TAKEN}


def test_the_recorded_version_must_be_the_recorded_package_and_another_version_may_differ(
    tmp_path: Path, kept: Path
) -> None:
    take(package(tmp_path, *TAKEN), "1.2.3", kept)
    before = (kept / RECORD).read_bytes()
    forged = package(tmp_path, *TAKEN, text="not as it was")
    with pytest.raises(NotTaken, match=r"1\.2\.3 is not the package that is recorded"):
        take(forged, "1.2.3", kept)
    assert (kept / RECORD).read_bytes() == before
    assert all(b"not as it was" not in path.read_bytes() for path in kept.iterdir())
    take(forged, "1.2.4", kept)
    assert json.loads((kept / RECORD).read_text(encoding="utf-8"))["version"] == "1.2.4"


def test_a_package_without_a_file_changes_nothing(tmp_path: Path, kept: Path) -> None:
    with pytest.raises(NotTaken, match=r"has no swagger-ui\.css"):
        take(package(tmp_path, *(name for name in TAKEN if name != "swagger-ui.css")), "1.2.3", kept)
    assert list(kept.iterdir()) == []


def test_a_machine_without_npm_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["1.2.3"]) == 1
    assert capsys.readouterr().err == "./dev assets: npm is not installed (Debian: apt install npm).\n"


def test_the_package_is_asked_for_by_its_version_and_none_of_its_scripts_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    npm = tmp_path / "npm"
    npm.write_text('#!/bin/sh\necho "$@" >called\n: >swagger-ui-dist.tgz\n', encoding="utf-8")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fetched("1.2.3", tmp_path) == tmp_path / "swagger-ui-dist.tgz"
    called = (tmp_path / "called").read_text(encoding="utf-8").split()
    assert called == ["pack", "--silent", "--ignore-scripts", "swagger-ui-dist@1.2.3"]
    npm.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    with pytest.raises(NotTaken, match=r"npm has no swagger-ui-dist 9\.9\.9, or no registry"):
        fetched("9.9.9", tmp_path)
