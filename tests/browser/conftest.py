"""One headless browser for all tests of this folder; they skip where there is none."""

import pytest

from devtools import BROWSER, running


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if BROWSER is None:
        pytest.skip("no Chromium found")
    with running(tmp_path_factory.mktemp("browser") / "profile") as started:
        yield started
