"""External datasets: found in the right order, checked, and explained when they are missing."""

import hashlib

import pytest

from archloom.data import registry
from archloom.data.registry import ENVIRONMENT_VARIABLE, find, read_registry
from archloom.errors import DataError

CONTENT = b"twelve bytes"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A project root with one registered dataset `toy` of two files, and no data."""
    root = tmp_path / "project"
    (root / "config").mkdir(parents=True)
    sha = hashlib.sha256(CONTENT).hexdigest()
    (root / registry.REGISTRY_PATH).write_text(
        "format: archloom-datasets\nversion: 2\ndatasets:\n"
        "  toy:\n    what: a toy\n    licence: MIT\n    source: a shop\n    url: https://toy.org\n"
        f"    files:\n      a.bin: {{size: 12, sha256: {sha}}}\n"
        f"      b.bin: {{size: 12, sha256: {sha}}}\n"
    )
    monkeypatch.chdir(root)
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    return root


def put(folder, content=CONTENT):
    (folder / "toy").mkdir(parents=True, exist_ok=True)
    (folder / "toy" / "a.bin").write_bytes(content)
    return folder


def test_folders_are_looked_in_by_rank(checkout, tmp_path, monkeypatch):
    places = [
        checkout / "resources/data",
        tmp_path / "shared/data",
        tmp_path / "env",
        tmp_path / "m",
    ]
    for place in places[:2]:
        put(place)
        assert find("toy", "a.bin").samefile(place / "toy/a.bin")
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(put(places[2])))
    assert find("toy", "a.bin").samefile(places[2] / "toy/a.bin")
    assert find("toy", "a.bin", mirror=put(places[3])).samefile(places[3] / "toy/a.bin")


def test_the_root_is_found_from_a_folder_below(checkout, monkeypatch):
    put(checkout / "resources/data")
    monkeypatch.chdir(checkout / "config")
    assert find("toy", "a.bin").samefile(checkout / "resources/data/toy/a.bin")


def test_a_missing_file_says_what_where_from_and_where_to_put_it(checkout):
    with pytest.raises(DataError) as caught:
        find("toy", "a.bin")
    for words in ("toy/a.bin", "a shop", "https://toy.org", "data.mirror", ENVIRONMENT_VARIABLE):
        assert words in str(caught.value)
    assert str(checkout / "resources/data/toy") in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"), [(b"short", "5 bytes instead of 12"), (b"TWELVE BYTES", "SHA-256")]
)
def test_other_bytes_are_refused(checkout, content, says):
    put(checkout / "resources/data", content)
    with pytest.raises(DataError, match=says):
        find("toy", "a.bin")


def test_a_file_that_changes_during_the_process_is_checked_again(checkout):
    put(checkout / "resources/data")
    find("toy", "a.bin")
    put(checkout / "resources/data", b"short")
    with pytest.raises(DataError, match="5 bytes"):
        find("toy", "a.bin")


def test_unknown_names_get_advice(checkout):
    with pytest.raises(DataError, match="did you mean toy"):
        find("tos", "a.bin")
    with pytest.raises(DataError, match=r"it has a\.bin, b\.bin"):
        find("toy", "c.bin")


@pytest.mark.parametrize("text", ["format: other\nversion: 2\ndatasets: {}\n", "a: [", "- 1\n"])
def test_a_damaged_table_is_refused(checkout, text):
    path = checkout / "table.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=r"table\.yaml"):
        read_registry(path)


def test_outside_a_checkout_the_error_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="Run from the root"):
        find("toy", "a.bin")


ENTRY = (
    "format: archloom-datasets\nversion: 2\ndatasets:\n  toy:\n    what: a toy\n    licence: MIT\n"
)
ENTRY += "    source: a shop\n    url: https://toy.org\n    files:\n"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a.bin: {size: 12, sha256: null}", "toy/a.bin needs both"),
        ("a.bin: {size: 12, sha256: abc}", "no proper size and sha256"),
        (f"a.bin: {{size: 0, sha256: {'0' * 64}}}", "no proper size and sha256"),
        ("a/b.bin: {size: null, sha256: null}", "no plain file name"),
        ("..: {size: null, sha256: null}", "no plain file name"),
        ("a.bin: {size: null, sha256: null, from: [file:///etc/passwd]}", "no address"),
        ("a.bin: {size: null, sha256: null, from: ['hub:me/net/x']}", "no address"),
        ("a.bin: {size: null}", "sha256"),
    ],
)
def test_an_entry_that_cannot_be_right_is_refused_by_name(checkout, line, says):
    path = checkout / "table.yaml"
    path.write_text(f"{ENTRY}      {line}\n")
    with pytest.raises(DataError, match=says):
        read_registry(path)


def test_a_dataset_that_is_listed_twice_is_refused(checkout):
    path = checkout / "table.yaml"
    line = "      a.bin: {size: null, sha256: null}\n"
    path.write_text(f"{ENTRY}{line}{line}")
    with pytest.raises(DataError, match="a.bin.*twice"):
        read_registry(path)


def test_the_shipped_table_is_complete(project):
    for dataset in read_registry(project / registry.REGISTRY_PATH).values():
        assert dataset.what and dataset.licence and dataset.source and dataset.files
        assert dataset.url.startswith("http")
        for file in dataset.files.values():
            told = file.sources or dataset.steps or "from " in dataset.source
            assert file.is_pinned or told, f"{dataset.name}/{file.name}: nobody knows how to get it"


def test_every_registered_file_in_the_data_folder_has_the_registered_bytes(data_folder):
    for dataset in read_registry().values():
        for file in dataset.files:
            if (data_folder / dataset.name / file).is_file():
                assert find(dataset.name, file, data_folder).is_file()


@pytest.mark.data
def test_every_file_of_the_data_folder_is_registered(project):
    """Of the one beside the checkout only: whoever names a mirror may keep more in it."""
    folder = project / registry.SHARED_FOLDER
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    datasets = read_registry(project / registry.REGISTRY_PATH).values()
    pinned = {
        (one.name, file.name) for one in datasets for file in one.files.values() if file.is_pinned
    }
    found = {(path.parent.name, path.name) for path in folder.glob("*/*")}
    assert not sorted(key for key in found - pinned if key[1] != "README.md")
