"""Damaged rows, files and options: one clear sentence each, no traceback, and the rest still works."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import catalog
from core.cli.main import main
from core.data import uploads
from core.errors import UserError
from core.models import acquire, checksum
from core.models.checksum import verify
from core.runs.store import RunStore
from tests.core.runs.test_inference_session import finished

RUN = "{run}"


@dataclass(frozen=True)
class Place:
    """A home with a good run and one that is damaged."""

    home: Path
    model: Path
    run: str
    good: str

    @property
    def database(self) -> Path:
        return self.home / "data" / "runs.sqlite3"

    @property
    def weights(self) -> Path:
        return self.home / "data" / "runs" / self.run / "adapter_model.safetensors"

    def sql(self, query: str) -> None:
        with sqlite3.connect(self.database) as connection:
            connection.execute(query.replace(RUN, self.run))
        connection.close()


@pytest.fixture(scope="module")
def whole(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Trained once; `place` brings it back to where it was, since settings name their model's folder."""
    home = tmp_path_factory.mktemp("damaged") / "home"
    shutil.copytree(tiny_folder, home / "model")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("TUNING_FORK_HOME", str(home))
        runs = [finished(home / "model", seed=seed) for seed in (0, 1)]
    found = Place(home, home / "model", *runs)
    found.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copytree(home, home.with_name("kept"))
    return found


@pytest.fixture
def place(whole: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    shutil.rmtree(whole.home)
    shutil.copytree(whole.home.with_name("kept"), whole.home)
    monkeypatch.setenv("TUNING_FORK_HOME", str(whole.home))
    return whole


def row(column: str, value: str) -> Callable[[Place], None]:
    return lambda place: place.sql(f"UPDATE runs SET {column} = {value} WHERE id = '{RUN}'")


def event(value: str) -> Callable[[Place], None]:
    return lambda place: place.sql(
        f"UPDATE events SET payload = {value} WHERE run_id = '{RUN}' AND seq = 2"
    )


def overwrite(path: Callable[[Place], Path], *, keep: int = 0) -> Callable[[Place], None]:
    """The same size, other bytes, behind the first `keep`."""

    def damage(place: Place) -> None:
        file = path(place)
        content = file.read_bytes()
        file.write_bytes(content[:keep] + b"\xff" * (len(content) - keep))

    return damage


def flip(path: Callable[[Place], Path]) -> Callable[[Place], None]:
    """One bit of the last byte: a number is another one, and every file can still be read."""

    def damage(place: Place) -> None:
        file = path(place)
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    return damage


def cut(path: Callable[[Place], Path]) -> Callable[[Place], None]:
    return lambda place: path(place).write_bytes(path(place).read_bytes()[:-100])


def gone(path: Callable[[Place], Path]) -> Callable[[Place], None]:
    return lambda place: path(place).unlink()


def weights(place: Place) -> Path:
    return place.weights


def adapter_config(place: Place) -> Path:
    return place.weights.with_name("adapter_config.json")


def model_file(name: str) -> Callable[[Place], Path]:
    return lambda place: place.model / name


EXPORT = ["export", "--run", RUN, "--to", "{home}/out"]
ASK = ["generate", "--model", "{model}", "--prompt", "cat", "--max-new-tokens", "2"]
ASK_RUN = [*ASK, "--adapter", RUN]
SHOW = ["runs", "show", RUN]
DELETE = ["runs", "delete", RUN]

CASES: dict[str, tuple[Callable[[Place], None], list[str], str]] = {
    "config is no JSON": (row("config", "'{not json'"), SHOW, "damaged"),
    "config is null": (row("config", "'null'"), SHOW, "damaged"),
    "config is a list": (row("config", "'[1, 2]'"), SHOW, "damaged"),
    "status is unknown": (row("status", "'sleeping'"), SHOW, "damaged"),
    "time is a word": (row("created_at", "'yesterday'"), SHOW, "damaged"),
    "time is beyond all calendars": (row("created_at", "9e99"), SHOW, "damaged"),
    "time is infinite": (row("ended_at", "9e999"), SHOW, "damaged"),
    "time is before its beginning": (row("started_at", "-9e99"), SHOW, "damaged"),
    "summary is no JSON": (row("summary", "'{'"), SHOW, "damaged"),
    "adapter's weights are gone": (gone(weights), EXPORT, "damaged or incomplete"),
    "adapter's weights are cut": (cut(weights), EXPORT, "damaged or incomplete"),
    "adapter's weights are overwritten": (overwrite(weights), EXPORT, "damaged or incomplete"),
    "adapter's config is no JSON": (overwrite(adapter_config), EXPORT, "damaged or incomplete"),
    "one bit of the adapter is another": (flip(weights), EXPORT, "damaged or incomplete"),
    "asked with one bit changed": (flip(weights), ASK_RUN, "damaged or incomplete"),
    "asked with another description": (flip(adapter_config), ASK_RUN, "damaged or incomplete"),
    "asked without weights": (gone(weights), ASK_RUN, "damaged or incomplete"),
    "asked with cut weights": (cut(weights), ASK_RUN, "damaged or incomplete"),
    "asked without a config": (gone(adapter_config), ASK_RUN, "damaged or incomplete"),
    "model's weights are cut": (cut(model_file("model.safetensors")), ASK, "cannot be loaded"),
    "model's weights are noise": (overwrite(model_file("model.safetensors")), ASK, "be loaded"),
    "model's numbers are none": (
        overwrite(model_file("model.safetensors"), keep=4000),
        ASK,
        "no usable numbers",
    ),
    "model's weights are gone": (gone(model_file("model.safetensors")), ASK, "model.safetensors|prepared|safetensors"),
    "tokenizer is no JSON": (overwrite(model_file("tokenizer.json")), ASK, "tokenizer"),
    "model's config is no JSON": (overwrite(model_file("config.json")), ASK, "config.json|cannot be read"),
    "option is no UTF-8": (lambda _: None, [*ASK[:-3], "caf\udce9"], "which is no text"),
    "run is no UTF-8": (lambda _: None, ["runs", "show", "\udcff"], "which is no text"),
}  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize("case", CASES)
def test_damage_is_one_sentence(
    case: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, arguments, said = CASES[case]
    damage(place)
    filled = [
        a.replace(RUN, place.run).replace("{home}", str(place.home)).replace("{model}", str(place.model))
        for a in arguments
    ]  # fmt: skip
    capsys.readouterr()
    status = main(filled)
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert (status, len(errors)) == (2, 1), errors
    assert re.search(said, errors[0]), errors
    assert len(errors[0]) < 500
    assert not (place.home / "out").exists()
    assert main(["runs", "list"]) == 0
    assert place.good in capsys.readouterr().out
    assert main(["runs", "show", place.good]) == 0
    if arguments in (SHOW, EXPORT):
        assert main(["runs", "delete", place.run]) == 0  # what is damaged can be cleared away
        to = str(place.home / "good")
        assert main(["export", "--run", place.good, "--to", to, "--no-check"]) == 0


@pytest.mark.thorough
def test_a_run_that_was_saved_before_checksums_were_kept_still_answers(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    (sums,) = place.weights.parent.parent.glob(f"{place.run}.*")
    capsys.readouterr()
    asked = [a.replace(RUN, place.run).replace("{model}", str(place.model)) for a in ASK_RUN]
    assert main(asked) == 0
    before = capsys.readouterr().out
    sums.unlink()
    assert main(asked) == 0
    assert capsys.readouterr().out == before
    flip(weights)(place)
    assert main(asked) == 0


@pytest.mark.thorough
def test_deleting_a_run_leaves_nothing_of_it(place: Place) -> None:
    assert main(["runs", "delete", place.run]) == 0
    assert [p.name for p in place.weights.parent.parent.iterdir() if place.run in p.name] == []


@pytest.mark.thorough
@pytest.mark.parametrize(
    "value",
    [
        "'{'", "'null'", "'[1]'", '\'{"type": "step"}\'',
        '\'{"type": "notice", "step": 1, "message": "half a character: \\udcff"}\'',
    ],
)  # fmt: skip
def test_a_damaged_event_hides_no_other(
    value: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    n = len(RunStore().events(place.run))
    event(value)(place)
    assert len(RunStore().events(place.run)) == n
    for arguments in (
        ["runs", "show", place.run],
        ["export", "--run", place.run, "--to", f"{place.home}/out", "--no-check"],
    ):
        assert main(arguments) == 0, capsys.readouterr().err


@pytest.mark.thorough
def test_a_damaged_run_that_waits_is_passed_over(place: Place) -> None:
    store = RunStore()
    waiting, good = (store.submit(store.get(run).config) for run in (place.run, place.good))
    place.sql(f"UPDATE runs SET config = '[]' WHERE id = '{waiting.id}'")
    claimed = store.claim(worker="test")
    assert claimed
    assert claimed.id == good.id
    assert store.claim(worker="test") is None


@pytest.mark.thorough
def test_a_damaged_database_is_one_sentence(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    database = place.database
    for side in database.parent.glob(f"{database.name}-*"):
        side.unlink()
    content = database.read_bytes()
    for damaged in (b"x" * len(content), content[: len(content) // 2]):
        database.write_bytes(damaged)
        capsys.readouterr()
        assert main(["runs", "show", place.run]) == 2
        assert capsys.readouterr().err.startswith("error: ")


@pytest.fixture
def prepared(home: Path, tiny_folder: Path) -> Path:
    """The default model's place, with a tiny model in it, as `prepare` leaves it."""
    entry = catalog.MODELS[catalog.DEFAULT_MODEL]
    built = home / "built"
    shutil.copytree(tiny_folder, built)
    acquire.model_dir(entry).parent.mkdir(parents=True)
    acquire._publish(built, acquire.model_dir(entry), acquire._source(entry))  # pyright: ignore[reportPrivateUsage]
    assert acquire.is_ready(entry)
    return acquire.model_dir(entry)


def test_overwritten_weights_of_equal_size_are_found_by_their_checksum(prepared: Path) -> None:
    entry = catalog.MODELS[catalog.DEFAULT_MODEL]
    verify(prepared)
    weights = prepared / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert acquire.is_ready(entry)  # a look at names and sizes finds nothing
    with pytest.raises(UserError, match=r"model\.safetensors is damaged: its checksum differs"):
        verify(prepared)
    assert not acquire.is_ready(entry)  # so `prepare` makes it anew


def test_files_that_stay_are_not_read_again(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify(prepared)
    monkeypatch.setattr(checksum, "checksums", lambda *_: pytest.fail("was read again"))
    verify(prepared)


def test_a_folder_without_checksums_gets_them(prepared: Path) -> None:
    file = prepared / checksum.MARKER
    marker = json.loads(file.read_text())
    known = marker.pop("sha256")
    file.write_text(json.dumps(marker))
    verify(prepared)
    assert json.loads(file.read_text())["sha256"] == known


@pytest.mark.usefixtures("home")
def test_a_damaged_dataset_is_one_sentence() -> None:
    address = uploads.keep([{"prompt": "a", "completion": "b"}])
    (uploads.folder() / f"{address}.jsonl").write_bytes(b'{"prompt": "a\xff')
    with pytest.raises(UserError):
        uploads.load(address)


@pytest.mark.thorough
def test_the_damaged_home_is_a_real_one(place: Place) -> None:
    assert place.weights.is_file()
    assert {run.id for run in RunStore().runs()} == {place.run, place.good}
