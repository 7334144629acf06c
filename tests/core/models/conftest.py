"""A tiny model of each architecture, and each as the app loads it."""

import pytest
import torch

from core.models.load import LoadedModel, load_folder
from tests.core.models.architectures import NAMES, make
from tests.core.models.own_forward import Folders


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return {name: make(name, tmp_path_factory.mktemp(name)) for name in NAMES}


@pytest.fixture(scope="session")
def bases(folders: Folders) -> dict[str, LoadedModel]:
    return {name: load_folder(folders[name], id=name, dtype=torch.float32) for name in NAMES}
