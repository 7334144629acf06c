"""An offline kit: whole, resumed, checked; and the sentences where it cannot be made. With a package of a few bytes."""

import json
import re
import shutil
import subprocess
import zipfile
from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from core.catalog import ModelEntry
from core.cli.main import build_parser, main
from core.errors import UserError
from core.kit import gather as gathering
from core.kit.check import check
from core.kit.contents import (
    APP,
    LIST,
    MODELS,
    PACKAGES,
    PARTS,
    app_files,
    read_list,
    this_python,
    write_list,
)
from core.kit.gather import gather
from core.kit.packages import GOES_ON, Package, explain, is_there
from core.models.acquire import is_ready, model_dir
from core.models.checksum import MARKER
from core.paths import ROOT

MODEL = ModelEntry(
    id="tiny", title="Tiny", licence="", parameters=1, download_mb=1, hub="nobody/tiny"
)


def wheel(folder: Path, name: str, *, needs: str = "") -> Path:
    """A package that pip can install."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": b"",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
        + (f"Requires-Dist: {needs}\n".encode() if needs else b""),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={urlsafe_b64encode(sha256(content).digest()).rstrip(b'=').decode()},{len(content)}\n"
        for path, content in files.items()
    )
    file = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return file


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    """A prepared model in a home of its own."""
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path / "home"))
    folder = model_dir(MODEL)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    marker = {
        "source": "layout 1: nobody/tiny",
        "files": {"model.safetensors": 7},
        "sha256": {"model.safetensors": sha256(b"weights").hexdigest()},
    }
    (folder / MARKER).write_text(json.dumps(marker))
    assert is_ready(MODEL)
    return MODEL


@pytest.fixture
def requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of two packages, which pip finds in a folder and nowhere else."""
    index = tmp_path / "index"
    index.mkdir()
    wheel(index, "firstpackage", needs="secondpackage")
    wheel(index, "secondpackage")
    for name, value in {
        "NO_INDEX": "1",
        "FIND_LINKS": str(index),
        "CONFIG_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    file = tmp_path / "requirements.txt"
    file.write_text("firstpackage==1.0\n")
    return file


@pytest.mark.thorough
def test_a_kit_is_whole_goes_on_and_tells_what_is_wrong(
    model: ModelEntry, requirements: Path, tmp_path: Path
) -> None:
    to, said = tmp_path / "a kit", list[str]()
    kit = gather(to, model=model, requirements=requirements, on_progress=said.append)
    assert kit.n_packages == 2
    assert [one for one in said if "package 1" in one or "package 2" in one] == [
        "package 1 of 2: firstpackage 1.0",
        "package 2 of 2: secondpackage 1.0",
    ]
    assert (to / APP / "app.py").read_bytes() == (ROOT / "app.py").read_bytes()
    assert (to / APP / "requirements.txt").read_text() == "firstpackage==1.0\n"
    assert (to / MODELS / "tiny" / "model.safetensors").read_bytes() == b"weights"
    version, platform = this_python()
    read_me = (to / "README.txt").read_text("utf-8")
    assert f"Python {version} on {platform}" in read_me
    assert subprocess.run(["sh", "-n", to / "start.sh"], check=False).returncode == 0
    for script in ("start.sh", "start.bat", "README.txt"):
        assert "$python_version" not in (to / script).read_text("utf-8")
    assert b"\r\n" in (to / "start.bat").read_bytes()
    assert b"\r" not in (to / "start.sh").read_bytes()
    assert check(to).problems == ()
    (words,) = re.findall(r"sh start\.sh (class .*?) {2,}", read_me)
    assert build_parser().parse_args(words.split()).name == "8b"

    # What use leaves beside it is no part of it
    (to / "home" / "data").mkdir()
    (to / "home" / "data" / "runs.sqlite3").write_bytes(b"")
    (to / APP / "core" / "__pycache__").mkdir()
    (to / APP / "core" / "__pycache__" / "x.pyc").write_bytes(b"")
    assert check(to).problems == ()

    # Stopped before the end: only what is missing comes again
    (to / LIST).unlink()
    (to / PACKAGES / "secondpackage-1.0-py3-none-any.whl").unlink()
    (to / PACKAGES / "left").mkdir()
    said.clear()
    gather(to, model=model, requirements=requirements, on_progress=said.append)
    assert [one for one in said if one.startswith("package ")] == [
        "package 2 of 2: secondpackage 1.0"
    ]
    assert check(to).problems == ()

    # Damaged, missing, and too few packages
    weights = to / MODELS / "tiny" / "model.safetensors"
    weights.write_bytes(b"weighty")
    (to / APP / "app.py").unlink()
    missing, changed = check(to).problems
    assert missing.startswith("Missing: app/app.py.")
    assert changed.startswith("Damaged: home/cache/models/tiny/model.safetensors.")
    assert main(["kit", "check", str(to)]) == 1
    gather(to, model=model, requirements=requirements)
    second = to / PACKAGES / "secondpackage-1.0-py3-none-any.whl"
    second.unlink()
    kit = read_list(to)
    name = second.relative_to(to).as_posix()
    without = {key: value for key, value in kit.sizes.items() if key != name}
    write_list(replace(kit, sizes=without), to)
    (problem,) = check(to).problems
    assert problem.startswith("The packages are not enough: There is no package secondpackage")

    # For another Python nothing is tried
    write_list(replace(kit, sizes=without, python="3.7"), to)
    found = check(to)
    assert found.problems == ()
    assert "The packages are for Python 3.7" in found.notes[0]


@pytest.mark.thorough
def test_a_package_that_cannot_be_had_is_named(
    model: ModelEntry, requirements: Path, tmp_path: Path
) -> None:
    requirements.write_text("nosuchpackage==1.0\n")
    with pytest.raises(
        UserError, match=r"There is no package nosuchpackage==1\.0 for this Python"
    ) as error:
        gather(tmp_path / "kit", model=model, requirements=requirements)
    assert str(error.value).endswith(GOES_ON)
    assert not (tmp_path / "kit" / LIST).exists()  # no finished kit


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("WARNING: Retrying after connection broken by NewConnectionError: getaddrinfo failed\n"
         "ERROR: Could not find a version that satisfies the requirement torch==2.13.0\n"
         "ERROR: No matching distribution found for torch==2.13.0",
         "The package index cannot be reached: there is no network here; connect this machine, then run the same"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
         "The disk is full; free some space, then run the same command again"),
        ("/usr/bin/python: No module named pip", "This Python has no pip to download with; install pip, then"),
        ("ERROR: No matching distribution found for torch==9", "There is no package torch==9 for this Python"),
        ("ERROR: something new", "pip could not download torch 2 (something new); mend that, then"),
        ("", "pip could not download torch 2 (it said nothing); mend that, then"),
    ],
)  # fmt: skip
def test_what_pip_complains_of_is_one_sentence(log: str, said: str) -> None:
    found = explain(log, Package("torch", "2", "https://index.example/torch-2.whl"))
    assert found.startswith(said)
    assert found.endswith(GOES_ON)
    assert "\n" not in found


def test_a_package_counts_by_its_checksum(tmp_path: Path) -> None:
    file = tmp_path / "a+cpu.whl"
    file.write_bytes(b"wheel")
    package = Package(
        "a", "1", "https://index.example/x/a%2Bcpu.whl#sha256=1", sha256(b"wheel").hexdigest()
    )
    assert package.file == file.name
    assert is_there(file, package)
    file.write_bytes(b"whee")
    assert not is_there(file, package)
    assert is_there(file, replace(package, sha256=""))
    assert not is_there(tmp_path / "b.whl", package)


@pytest.mark.thorough
def test_what_cannot_be_a_kit_is_said(
    model: ModelEntry, requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(to: Path, entry: ModelEntry = model, wanted: Path = requirements) -> str:
        with pytest.raises(UserError) as error:
            gather(to, model=entry, requirements=wanted)
        return str(error.value)

    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    assert "holds other things (thesis.txt)" in refused(other)
    assert (other / "thesis.txt").read_text() == "mine"
    assert "is a file" in refused(requirements)
    assert "name a folder outside the app" in refused(ROOT / "kit")
    assert "There is no file" in refused(tmp_path / "kit", wanted=tmp_path / "nothing.txt")
    assert "is not prepared yet" in refused(tmp_path / "kit", replace(model, id="another"))
    assert not (tmp_path / "kit").exists()
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(gathering.shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    assert "has 1 MB left" in refused(tmp_path / "kit")
    with pytest.raises(UserError, match="holds no finished kit"):
        check(tmp_path / "kit")
    (tmp_path / "kit" / LIST).write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        check(tmp_path / "kit")


def test_nothing_secret_and_nothing_of_use_is_copied(tmp_path: Path) -> None:
    for name in (".streamlit/config.toml", ".streamlit/secrets.toml", "core/a.py", "core/__pycache__/a.pyc", "deploy/.env", "deploy/start.sh", "notes.txt"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    found = [path.as_posix() for path in app_files(tmp_path)]
    assert found == [".streamlit/config.toml", "core/a.py", "deploy/start.sh"]


def test_every_part_of_the_app_is_in_a_kit_or_known_not_to_be() -> None:
    """A new file at the top must be put into one of the two lists."""
    left_out = {".ci", ".github", ".gitignore", ".dockerignore", ".pre-commit-config.yaml", "CONTRIBUTING.md", "requirements-dev.txt", "test", "tests"}  # fmt: skip
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("this copy is no repository")
    top = {path.split("/")[0] for path in listed.stdout.splitlines()}
    assert {part.split("/")[0] for part in PARTS} == top - left_out
    assert all((ROOT / part).exists() for part in PARTS)
