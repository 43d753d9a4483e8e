"""Copies of the workflow whose scripts only touch their outputs."""

from pathlib import Path

import pytest

from stub_workflow import Checkout, copy_workflow


@pytest.fixture(scope="session")
def checkout_type() -> type[Checkout]:
    """The class that runs Snakemake in a folder."""
    return Checkout


@pytest.fixture
def checkout(request: pytest.FixtureRequest, project: Path, tmp_path: Path) -> Checkout:
    """A fresh copy, nothing made yet; a parameter is the name of its folder."""
    return copy_workflow(project, tmp_path / getattr(request, "param", "checkout"))


@pytest.fixture(scope="module")
def finished(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy in which the default target is made; tests must leave it as it is."""
    checkout = copy_workflow(project, tmp_path_factory.mktemp("finished") / "checkout")
    checkout.run("results/autogo/nb201")
    return checkout
