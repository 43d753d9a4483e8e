"""``archloom compare-searches``: tables, pictures, and what cannot be compared."""

import csv
import json
from typing import get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archloom.cli.compare_searches import Device
from archloom.search.units.variation import INSIGHTS
from archloom.spaces import nb_macro
from command_line import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A space of the networks with most twos, and a table of all: twos are the gain, the sum of
    digits is the cost; in percent of what is possible.
    """
    home = tmp_path_factory.mktemp("macro")
    units = [["2,2", "2,1"], ["2,2,2", "1,1,1", "0,0,0"], ["2,2,2", "1,0,0"]]
    pools = [[{"blocks": one, "score": 0.5} for one in pool] for pool in units]
    content = {"format": "archloom-unit-space/1", "family": "nb_macro", "target": "gain"}
    (home / "space.json").write_text(json.dumps(content | {"units": pools}))
    names = list(nb_macro.enumerate_all())
    columns = {
        "gain": [12.5 * one.count("2") for one in names],
        "cost": [float(sum(map(int, one))) for one in names],
    }
    pq.write_table(pa.table({"arch": names, **columns}), home / "known.parquet")
    return home


def compare(folder, to, *options):
    return run("compare-searches", folder / "space.json", "--to", to, *options)


def objectives(folder):
    known = folder / "known.parquet"
    return ["--objective", f"cost={known}", "--objective", f"max:gain={known}"]


def rows(path):
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_methods_are_compared_with_one_budget(folder, tmp_path, capsys):
    quick = ["--first", 6, "--iterations", 2, "--children", 4, "--seeds", 3, "--seed", 5]
    options = [*objectives(folder), *quick, "--worst", 0, 16]
    assert compare(folder, tmp_path, *options) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "hypervolumes begin at gain 0, cost 16" in shown and "of 3" in shown
    methods = rows(tmp_path / "methods.csv")
    assert [one["method"] for one in methods][0] == "AutoBuild"
    assert {one["method"] for one in methods} == {"AutoBuild", "Layer-Full", "Stage-Full"}
    assert [one["p"] == "" for one in methods] == [True, False, False]
    volumes = rows(tmp_path / "hypervolume.csv")
    assert len(volumes) == 3 * 3 * 3 and {one["seed"] for one in volumes} == {"5", "6", "7"}
    for method in methods:
        mine = [one for one in volumes if one["method"] == method["method"]]
        last = [float(one["hypervolume"]) for one in mine if one["round"] == "2"]
        assert sum(last) / 3 == pytest.approx(float(method["mean"]))
        if method["method"] != "AutoBuild":
            assert [int(one["networks"]) for one in mine] == [6, 10, 14] * 3
    visited = pq.read_table(tmp_path / "visited.parquet")
    assert visited.num_rows == sum(float(one["networks"]) for one in methods) * 3
    for name in ("fronts.png", "hypervolume.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--objective", "gain=KNOWN"], "methods are compared by two"),
        (["--objective", "max:gain=KNOWN", "--objective", "max:cost=KNOWN"], "by two"),
        (["--device", "gpu"], "is no Once-for-All family"),
        (["--resolution", "64"], "one input size"),
    ],
)
def test_what_cannot_be_compared_is_said(folder, tmp_path, capsys, options, message):
    words = [one.replace("KNOWN", str(folder / "known.parquet")) for one in options]
    given = words if "--objective" in words else [*objectives(folder), *words]
    assert compare(folder, tmp_path / "out", *given) == 1
    assert message in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "out").exists()


def test_the_devices_are_those_with_insights():
    assert set(get_args(Device)) == set(INSIGHTS)
