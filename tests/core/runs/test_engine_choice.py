"""Which engine a server has, and what it says where a cluster cannot be used."""

import importlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import UserError
from core.runs.engines import ray_cluster
from core.runs.engines.engine import is_ray_wanted
from core.runs.engines.ray_cluster import Cluster


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cluster that is wanted with everything that it needs, but is not there."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("TUNING_FORK_ENGINE", "ray")
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    monkeypatch.setenv("DATABASE_URL", "postgresql://teacher:secret@db/runs")
    monkeypatch.setenv("TUNING_FORK_ARTIFACTS", (tmp_path / "shared").as_uri())


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(ray_cluster, "_installed", lambda: None)
    return


def said() -> str:
    with pytest.raises(UserError) as caught:
        Cluster()
    assert "secret" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("wanted", "is_ray"), [("", False), ("local", False), ("ray", True)])
def test_the_variable_names_the_engine(
    monkeypatch: pytest.MonkeyPatch, wanted: str, is_ray: bool
) -> None:
    monkeypatch.setenv("TUNING_FORK_ENGINE", wanted)
    assert is_ray_wanted() is is_ray


def test_an_engine_that_there_is_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNING_FORK_ENGINE", "slurm")
    with pytest.raises(UserError, match="must be local or ray; got 'slurm'"):
        is_ray_wanted()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("RAY_ADDRESS", "", "needs the address of a Ray cluster"),
        ("RAY_ADDRESS", "ray://host:10001", "Start the app on a machine of the cluster"),
        ("DATABASE_URL", "", "DATABASE_URL to one of PostgreSQL"),
        ("DATABASE_URL", "sqlite:////tmp/x.sqlite3", "DATABASE_URL to one of PostgreSQL"),
        ("TUNING_FORK_ARTIFACTS", "", "set TUNING_FORK_ARTIFACTS"),
        ("TUNING_FORK_ARTIFACTS", "nowhere://x", "TUNING_FORK_ARTIFACTS is not understood"),
    ],
)
def test_what_is_missing_is_said(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    assert sentence in said()


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def without_ray(name: str, *more: Any) -> Any:
        if name == "ray":
            raise ModuleNotFoundError("No module named 'ray'", name="ray")
        return real(name, *more)

    monkeypatch.setattr(ray_cluster, "import_module", without_ray)
    assert "pip install -r requirements-cluster.txt" in said()


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("address", ["", "nohost.invalid:1", "127.0.0.1", "127.0.0.1:99999999"])
def test_a_cluster_that_does_not_answer_is_said(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    if address:
        monkeypatch.setenv("RAY_ADDRESS", address)
    assert "cannot be reached" in said()


def test_an_actor_gets_what_the_server_was_told_and_threads_as_local_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_NUM_THREADS", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TUNING_FORK_HOME", "/a/home")
    monkeypatch.setenv("SOMETHING_ELSE", "private")
    told = ray_cluster._settings(4)
    assert told["GOMP_SPINCOUNT"] == "10000"
    assert told["OMP_NUM_THREADS"] == "4"
    assert told["DATABASE_URL"].startswith("postgresql://")
    assert not {"TUNING_FORK_HOME", "TUNING_FORK_ENGINE", "SOMETHING_ELSE"} & {*told}
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert ray_cluster._settings(4)["OMP_NUM_THREADS"] == "1"


def test_an_actor_has_its_settings_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")

    def load(name: str) -> Any:
        seen = os.environ["GOMP_SPINCOUNT"]
        return SimpleNamespace(ROLES={"train": lambda: seen}, hello=lambda: {"threads": name})

    monkeypatch.setattr(ray_cluster, "import_module", load)
    actor = ray_cluster.Hosted("train", {"GOMP_SPINCOUNT": "10000"})
    assert actor._work == "10000"


def test_the_nodes_get_the_code_and_not_the_rest() -> None:
    left_out = ray_cluster._left_out()
    assert {"/tests", "/pages", "/docs"} <= {*left_out}
    assert not {"/core", "/assets"} & {*left_out}
