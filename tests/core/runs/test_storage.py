"""Weights and uploads in a place that several machines reach: all there or not at all, and a sentence otherwise."""

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from core.config import DataConfig, RunConfig
from core.data import uploads
from core.errors import UserError
from core.runs import artifacts
from core.runs.engines import local
from core.runs.messages import Evaluate, Generate, ModelOnTestSet
from core.runs.needs import needs_of
from core.runs.storage import Storage, fetch_dataset, share_dataset, storage
from core.runs.store import RunStore, RunSummary
from tests.core.runs.runs_in_states import ME

RUN = "20261128-101500-ab12cd"
PAIRS = [{"prompt": f"cat {i}", "completion": "dog"} for i in range(20)]
Move = Callable[[str], None]


HAS_S3 = bool(find_spec("s3fs") and find_spec("moto"))


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """The address of a server that speaks as S3 does."""
    from moto.server import ThreadedMotoServer  # pyright: ignore

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture(
    params=[
        "file",
        "memory",
        pytest.param("s3", marks=pytest.mark.skipif(not HAS_S3, reason="needs s3fs and moto")),
    ]
)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its address; it is empty."""
    address = (tmp_path / "for all").as_uri() if request.param == "file" else "memory://tuning"
    if request.param == "s3":
        monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("object_store"))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        bucket = f"bucket-{uuid4().hex}"
        fsspec.filesystem("s3").mkdir(bucket)
        address = f"s3://{bucket}/tuning"
    monkeypatch.setenv("TUNING_FORK_ARTIFACTS", address)
    fsspec.filesystem("memory").store.clear()
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return address


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Move:
    """Go to one of several machines, each with a data folder of its own."""

    def go(machine: str) -> None:
        monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path / machine))

    go("first")
    return go


def save(run_id: str = RUN, content: bytes = b"weights") -> None:
    with artifacts.saving(run_id) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "adapter.bin").write_bytes(content)
        (folder / "config.json").write_text("{}")


def test_what_is_saved_on_one_machine_is_fetched_by_another(place: str, at: Move) -> None:
    save()
    at("second")
    assert not artifacts.folder_of(RUN).exists()
    assert artifacts.size_of(RUN) == len(b"weights") + 2
    folder = artifacts.fetched(RUN)
    assert (folder / "deep" / "adapter.bin").read_bytes() == b"weights"
    artifacts.verify(RUN)
    assert [p.name for p in folder.parent.iterdir() if ".partial" in p.name] == []
    (folder / "deep" / "adapter.bin").write_bytes(b"weighty")
    with pytest.raises(UserError, match="damaged"):
        artifacts.verify(RUN)


def test_a_copy_is_dropped_and_fetched_again(place: str, at: Move) -> None:
    save()
    artifacts.drop_copy(RUN)
    assert not artifacts.folder_of(RUN).exists()
    assert (artifacts.fetched(RUN) / "config.json").is_file()
    artifacts.verify(RUN)


def test_nothing_is_fetched_before_all_is_there(place: str, at: Move) -> None:
    found = storage()
    assert found is not None
    save()
    found._files.rm(
        found._at(f"runs/{RUN}.sha256")
    )  # as when the first machine died while it put them
    at("second")
    assert not artifacts.fetched(RUN).exists()
    assert artifacts.size_of(RUN) == 0


def test_a_deleted_run_is_deleted_everywhere(place: str, at: Move) -> None:
    store = RunStore()
    run = store.start(RunConfig(), worker=ME)
    save(run.id)
    store.finish(run.id, RunSummary())
    assert store.size_bytes(run.id)
    store.delete(run.id)
    assert storage_is_empty(place)
    at("second")
    assert not artifacts.fetched(run.id).exists()


def storage_is_empty(place: str) -> bool:
    found = Storage(place)
    return not [name for name in found._files.find(found._root) if "/runs/" in name]


def test_uploads_travel(place: str, at: Move) -> None:
    address = uploads.keep(PAIRS, uploads.Source(name="cats.csv", lines=(2, 3)))
    share_dataset(address)
    at("second")
    fetch_dataset("0" * 16)
    fetch_dataset("../../secret")
    assert not uploads.is_here(address)
    fetch_dataset(address)
    assert uploads.load(address) == PAIRS
    assert uploads.source(address).name == "cats.csv"


def test_submitting_puts_the_upload_where_all_reach_it(
    place: str, at: Move, tiny_folder: Path
) -> None:
    data = DataConfig(task="custom", dataset=uploads.keep(PAIRS))
    config = RunConfig(model=str(tiny_folder.resolve()), data=data)
    local.check(config)
    at("second")
    local.check(config)
    assert uploads.is_here(data.dataset)


def test_a_question_names_what_it_needs(place: str, at: Move) -> None:
    own, other = uploads.keep(PAIRS), uploads.keep(PAIRS[:9])
    config = RunConfig(data=DataConfig(task="custom", dataset=own))
    store = RunStore()
    run = store.start(config, worker=ME)
    on = ModelOnTestSet(model="a-model", task="custom", run=run.id, dataset=other)
    found = needs_of(Evaluate(on=on), store)
    assert found.datasets == {own, other}
    assert found.models == {"a-model", config.model}
    assert needs_of(Generate(model="m", text="Hi"), store).models == {"m"}


def test_without_the_variable_nothing_leaves_this_machine(
    at: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TUNING_FORK_ARTIFACTS", raising=False)
    assert storage() is None
    save()
    artifacts.drop_copy(RUN)
    assert artifacts.fetched(RUN).exists()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("/a/folder", "is not understood: it names no kind of place"),
        ("nowhere://x", "is not understood"),
        pytest.param(
            "s3://bucket/x",
            "needs another Python package",
            marks=pytest.mark.skipif(bool(find_spec("s3fs")), reason="s3fs is installed"),
        ),
    ],
)
def test_a_place_that_is_no_place_is_said(
    at: Move, monkeypatch: pytest.MonkeyPatch, address: str, sentence: str
) -> None:
    monkeypatch.setenv("TUNING_FORK_ARTIFACTS", address)
    with pytest.raises(UserError, match=sentence):
        storage()


def test_a_place_that_refuses_leaves_nothing_behind(
    at: Move, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("where the folder should be")
    address = (tmp_path / "file").as_uri()
    monkeypatch.setenv("TUNING_FORK_ARTIFACTS", f"{address}/x")
    with pytest.raises(UserError, match=r"cannot be written: .*The tuned weights are lost"):
        save()
    assert list(artifacts.folder_of(RUN).parent.iterdir()) == []


def test_a_list_of_files_that_leads_out_is_refused(place: str, at: Move) -> None:
    save()
    found = storage()
    assert found is not None
    evil = f"{'0' * 64}  {RUN}/../../evil\n".encode()
    with found._files.open(found._at(f"runs/{RUN}.sha256"), "wb") as file:
        file.write(evil)
    at("second")
    with pytest.raises(UserError, match="no name of a file"):
        artifacts.fetched(RUN)
    assert not any(
        name == "evil"
        for _, _, names in os.walk(Path(os.environ["TUNING_FORK_HOME"]))
        for name in names
    )


def test_a_password_in_the_address_is_not_said() -> None:
    with pytest.raises(UserError) as caught:
        Storage("nowhere://teacher:secret@host/x")
    assert "secret" not in str(caught.value)
