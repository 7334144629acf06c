"""Where weights and uploads lie when several machines are to reach them: `TUNING_FORK_ARTIFACTS`, through fsspec.

    TUNING_FORK_ARTIFACTS=file:///shared/tuning-fork    a folder that all machines see
    TUNING_FORK_ARTIFACTS=s3://bucket/folder            an object store (needs the package s3fs)

Without it everything stays in the data folder of this machine. With it that folder is a cache: what is saved here
is put there as well, and what is missing here is fetched. A run's weights are there once their checksums are, which
are put last; the address of an upload is that of its content. So nothing half-written is ever fetched.
"""

import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.data import uploads
from core.errors import UserError, shortened
from core.paths import write_whole

VARIABLE = "TUNING_FORK_ARTIFACTS"


def storage() -> "Storage | None":
    """The place that the variable names; None without it. `UserError` where it cannot be understood."""
    address = os.environ.get(VARIABLE, "")
    return _opened(address) if address else None


class Storage:
    """Files by their names below one address. Each method raises `UserError` where the place refuses."""

    def __init__(self, address: str) -> None:
        self.said = re.sub(r"//[^/@]*@", "//", address)
        """The address without a password."""
        self._files, self._root = _file_system(address, self.said)

    # Weights

    def put_run(self, run_id: str, folder: Path, sums: Path) -> None:
        """Copy a run's folder there, and then its checksums."""
        with self._trouble("written"):
            for file in sorted(file for file in folder.rglob("*") if file.is_file()):
                name = file.relative_to(folder).as_posix()
                self._put(file, f"runs/{run_id}/{name}")
            self._put(sums, f"runs/{run_id}.sha256")

    def get_run(self, run_id: str, folder: Path, sums: Path) -> bool:
        """Copy a run's files into `folder`, which is made; False where the place has none."""
        with self._trouble("read"):
            if not self._has(f"runs/{run_id}.sha256"):
                return False
            said: bytes = self._files.cat_file(self._at(f"runs/{run_id}.sha256"))
            for line in said.decode().splitlines():
                name = line.split("  ", 1)[1].removeprefix(f"{run_id}/")
                target = folder / name
                if not target.resolve().is_relative_to(folder.resolve()):
                    raise ValueError(f"{shortened(name)} is no name of a file")
                target.parent.mkdir(parents=True, exist_ok=True)
                self._files.get_file(self._at(f"runs/{run_id}/{name}"), str(target))
            write_whole(sums, said)
        return True

    def remove_run(self, run_id: str) -> None:
        with self._trouble("changed"):
            for name in (f"runs/{run_id}.sha256", f"runs/{run_id}"):
                if self._has(name):
                    self._files.rm(self._at(name), recursive=True)

    def size_of_run(self, run_id: str) -> int:
        """In bytes; 0 where the place has none."""
        with self._trouble("read"):
            has_any = self._has(f"runs/{run_id}.sha256")
            return int(self._files.du(self._at(f"runs/{run_id}"))) if has_any else 0

    # Uploads

    def put_dataset(self, address: str) -> None:
        """Copy an upload there, with where it came from, unless it is there."""
        with self._trouble("written"):
            for file in _files_of(address):
                if file.is_file() and not self._has(f"datasets/{file.name}"):
                    self._put(file, f"datasets/{file.name}")

    def get_dataset(self, address: str) -> None:
        """Copy an upload into the data folder, if the place has it."""
        with self._trouble("read"):
            for file in reversed(_files_of(address)):
                if self._has(name := f"datasets/{file.name}"):
                    write_whole(file, self._files.cat_file(self._at(name)))

    # Steps

    def _at(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _has(self, name: str) -> bool:
        self._files.invalidate_cache()  # another machine may have put or removed it
        return bool(self._files.exists(self._at(name)))

    def _put(self, file: Path, name: str) -> None:
        self._files.makedirs(self._at(name).rpartition("/")[0], exist_ok=True)
        self._files.put_file(str(file), self._at(name))

    @contextmanager
    def _trouble(self, what: str) -> Generator[None]:
        try:
            yield
        except UserError:
            raise
        except Exception as error:  # each kind of place raises its own
            raise UserError(
                f"The files at {self.said} ({VARIABLE}) cannot be {what}: "
                f"{shortened(error) or type(error).__name__}."
            ) from error


def share_dataset(address: str) -> None:
    """Have an upload of this machine where all machines reach it."""
    place = storage()
    if place and uploads.is_here(address):
        place.put_dataset(address)


def fetch_dataset(address: str) -> None:
    """Have an upload here, if it is known anywhere; who reads it says if not."""
    place = storage()
    if place and re.fullmatch(r"[0-9a-f]{16}", address) and not uploads.is_here(address):
        place.get_dataset(address)


def _files_of(address: str) -> list[Path]:
    path = uploads.folder() / f"{address}.jsonl"
    return [path, path.with_suffix(".source.json")]


@lru_cache(maxsize=4)
def _opened(address: str) -> Storage:
    return Storage(address)


def _file_system(address: str, said: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs  # comes with torch; slow to import, and seldom wanted

        if "://" not in address:
            raise ValueError("it names no kind of place")
        files, root = url_to_fs(address)
    except ImportError as error:
        raise UserError(
            f"{VARIABLE}={said} needs another Python package ({shortened(error)}); "
            "see requirements-cluster.txt."
        ) from error
    except Exception as error:
        raise UserError(
            f"{VARIABLE} is not understood: {shortened(error)}. It looks like file:///shared/folder "
            "or s3://bucket/folder."
        ) from error
    return files, root
