"""``archloom search-units`` with constraints, and reduced spaces of the tabulated families."""

import csv
import json
from itertools import product

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archloom.io import read_graph
from archloom.views.block_space import block_space
from command_line import run

POOLS = {
    "nb201": (
        ["nor_conv_3x3", "none"],
        ["none,nor_conv_1x1", "skip_connect,nor_conv_3x3"],
        ["nor_conv_3x3,none,nor_conv_3x3", "skip_connect,skip_connect,nor_conv_1x1"],
    ),
    "nb_macro": (["2,1", "1,0"], ["1,1,0", "2,2,2"], ["0,0,0", "2,1,0"]),
}
PIXELS = 32


@pytest.fixture(scope="module", params=POOLS)
def world(request, tmp_path_factory):
    """Family, and a folder with space.json of 8 networks and a table of them: gain and cost grow
    from 0 to 7, size falls.
    """
    family, folder = request.param, tmp_path_factory.mktemp(request.param)
    units = [[{"blocks": one, "score": 0.5} for one in pool] for pool in POOLS[family]]
    content = {"format": "archloom-unit-space/1", "family": family, "target": "acc"}
    (folder / "space.json").write_text(json.dumps(content | {"units": units}))
    names = [block_space(family).join(one) for one in product(*POOLS[family])]
    columns = {"gain": range(8), "cost": range(8), "size": range(8, 0, -1)}
    columns = {name: [float(one) for one in values] for name, values in columns.items()}
    pq.write_table(pa.table({"architecture": names, **columns}), folder / "known.parquet")
    return family, folder


def search(folder, to, *options):
    return run("search-units", folder / "space.json", "--to", to, *options)


def rows(path):
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_best_network_within_a_limit(world, tmp_path, capsys):
    family, folder = world
    known = folder / "known.parquet"
    objective = ["--objective", f"max:gain={known}", "--also", f"cost={known}", "--fronts", 10]
    assert search(folder, tmp_path, *objective, "--constraint", "cost<=4", "--networks", 1) == 0
    assert "8 networks evaluated" in capsys.readouterr().out
    (best,) = rows(tmp_path / "front.csv")
    assert float(best["gain"]) == float(best["cost"]) == 4
    graph = read_graph(tmp_path / "network_1.json")
    assert graph.family == family and graph.name == best["architecture"]
    assert graph.resolution[0, 0] == PIXELS
    visited = pq.read_table(tmp_path / "visited.parquet")
    assert sorted(filter(None, visited["gain"].to_pylist())) == [1, 2, 3, 4]


def test_a_limit_on_an_objective_cuts_the_front(world, tmp_path):
    _, folder = world
    known = folder / "known.parquet"
    objectives = ["--objective", f"max:gain={known}", "--objective", f"cost={known}"]
    assert search(folder, tmp_path, *objectives, "--constraint", "cost<3", "--networks", 1) == 0
    assert [float(one["cost"]) for one in rows(tmp_path / "front.csv")] == [2, 1, 0]


def test_every_network_of_a_space_is_evaluated(world, tmp_path):
    _, folder = world
    options = ["--state", tmp_path / "state", "--objective", f"size={folder / 'known.parquet'}"]
    to = tmp_path / "all.parquet"
    assert run("evaluate-units", folder / "space.json", "--to", to, *options) == 0
    assert sorted(pq.read_table(to)["size"].to_pylist()) == list(range(1, 9))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--constraint", "speed<=3"], "limit one of gain"),
        (["--constraint", "gain<=-3%"], "without %"),
        (["--constraint", "gain=3"], 'at "=3"'),
        (["--constraint", "gain>99"], "8 not gain>99"),
        (["--also", "gain=TABLE"], "give each name once"),
        (["--resolution", "64"], "one input size, 32 pixels"),
        (["--supernet", "none.pth"], "has no supernet"),
        (["--supernet", "none.pth", "--images", "nowhere"], "has no supernet"),
        (["--objective", "max:top=supernet"], "has no supernet"),
    ],
)
def test_what_is_wrong_is_said(world, tmp_path, capsys, options, message):
    _, folder = world
    known = folder / "known.parquet"
    words = [word.replace("TABLE", str(known)) for word in options]
    assert search(folder, tmp_path / "front", "--objective", f"max:gain={known}", *words) == 1
    assert message in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "front").exists()
