"""Shared by all tests: a deterministic hypothesis profile, one thread, and the folder of external
data.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from archloom.data import registry

# A shell starts background jobs with Ctrl-C ignored, and children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "archloom",
    derandomize=True,
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("archloom")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def project() -> Path:
    """The root folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def data_folder(project: Path) -> Path:
    """The folder that holds the external datasets (``<dataset>/<file>``); skips where there is
    none.
    """
    for folder in registry.search_folders():
        if (folder / "autogo_cgs" / "nb201_best.json").is_file():
            return folder
    pytest.skip(f"no folder of external data: set {registry.ENVIRONMENT_VARIABLE}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that reads the data folder, so that ``-m 'not data'`` leaves it out."""
    for item in items:
        if "data_folder" in getattr(item, "fixturenames", ()):
            item.add_marker("data")
