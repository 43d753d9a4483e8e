"""Object storage of the S3 kind, played by a server on this machine."""

import logging
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from archloom.workflow import dvc
from archloom.workflow.sharing import Verdict, adopt
from job_chain import CHAIN
from stub_workflow import Checkout, copy_workflow

boto3 = pytest.importorskip("boto3")
pytest.importorskip("snakemake_storage_plugin_s3")
server = pytest.importorskip("moto.server", reason="moto is not installed: pip install -e '.[dev]'")

LABELS, SEGMENTS = "resources/labels/nb201.parquet", "resources/segments"
DATA = "resources/data/nasbench201/accuracy.parquet"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    storage = server.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    storage.start()
    host, port = storage.get_host_and_port()
    yield f"http://{host}:{port}"
    storage.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch):
    """An empty bucket that programs find by the environment."""
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    made = boto3.resource("s3").Bucket("archloom")
    made.create()
    yield made
    made.objects.all().delete()
    made.delete()


def keys(bucket) -> set[str]:
    return {found.key for found in bucket.objects.all()}


def test_data_and_caches_are_written_to_and_read_from_object_storage(project, tmp_path, bucket):
    checkout = copy_workflow(project, tmp_path / "checkout")
    known = checkout.root / "labels/digits/nb201.parquet"
    known.parent.mkdir(parents=True)
    known.write_text("known labels")
    storage = ("--default-storage-provider", "s3", "--default-storage-prefix", "s3://archloom/run")

    checkout.run(LABELS, SEGMENTS, DATA, *storage)
    assert {f"run/{LABELS}", f"run/{SEGMENTS}/content", f"run/{DATA}"} <= keys(bucket)
    assert not (checkout.root / LABELS).exists()
    assert checkout.planned(LABELS, SEGMENTS, DATA, *storage) == Counter()
    changed = checkout.planned(SEGMENTS, *storage, "--config", "vocabulary={size: 500}")
    assert changed == Counter(build_vocabulary=1, build_segments=1)
    elsewhere = copy_of(checkout, tmp_path / "elsewhere")
    assert elsewhere.planned(SEGMENTS, DATA, *storage) == Counter()


def copy_of(checkout: Checkout, root: Path) -> Checkout:
    """Return a checkout as a fresh clone has it: nothing that was made, new time stamps."""
    shutil.copytree(
        checkout.root,
        root,
        copy_function=shutil.copyfile,
        ignore=shutil.ignore_patterns(".snakemake", "resources", "results", "logs"),
    )
    return Checkout(root)


def test_dvc_shares_through_object_storage(chain_repository, tmp_path, bucket, monkeypatch):
    monkeypatch.setenv(dvc.REMOTE_VARIABLE, "s3://archloom/dvc")
    maker, clone = chain_repository(tmp_path / "maker"), chain_repository(tmp_path / "clone")
    maker.make_all()
    assert len(dvc.push(maker.root).stages) == 1
    assert any(key.startswith("dvc/files/md5/") for key in keys(bucket))
    clone.write("dvc.lock", (maker.root / "dvc.lock").read_text())
    assert dvc.pull(clone.root).missing == []
    assert adopt(clone.root, Path("resources")) == dict.fromkeys(CHAIN, Verdict.RECOGNISED)
