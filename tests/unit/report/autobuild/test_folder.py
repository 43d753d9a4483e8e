"""The result folder of an AutoBuild run: files, page, figures, sentences."""

import csv
import json
import re
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from archloom.config import Config
from archloom.data.block_table import BlockTable, write_labelled
from archloom.errors import DataError, FormatError
from archloom.io import read_graph
from archloom.parquet import write_parquet
from archloom.predict.blocks.agreement import UnitAgreement
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.predict.blocks.task import BlockTraining
from archloom.report.autobuild.folder import (
    Member,
    MethodRow,
    headline,
    method_rows,
    shown_members,
    write_autobuild_report,
)
from archloom.report.autobuild.record import (
    AutobuildFiles,
    Searches,
    norms_of_blocks,
    read_autobuild,
)
from archloom.search.units.comparison import AUTOBUILD, compare_methods, methods
from archloom.search.units.exhaustive import evaluate_space, gather_space
from archloom.search.units.figures import evaluate
from archloom.search.units.search import UnitSearchSettings
from archloom.search.units.space import UnitSpace
from archloom.spaces import FAMILIES
from block_world import SumOf

FAMILY = "ofa_mbv3"
FIGURES = (SumOf("acc", maximise=True, place=1), SumOf("latency", place=3))
TARGETS = ("acc", "acc / latency")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """All parts of a small run."""
    folder = tmp_path_factory.mktemp("run")
    names = tuple(islice(FAMILIES[FAMILY].architectures(0), 400))
    metrics = evaluate(FIGURES, names)
    table = BlockTable(FAMILY, names, metrics, np.full(400, 224))
    write_labelled(table, {"acc": "sums <of> expansions"}, folder / "networks.parquet")
    ranked, spaces = [], []
    for number, target in enumerate(TARGETS):
        ranked.append(folder / f"target_{number}")
        predictor = BlockPredictor.fit(table.labelled(target), BlockTraining(epochs=2))
        predictor.save(ranked[-1] / "predictor.safetensors")
        predictor.score_units().write_space(ranked[-1] / "space.json", 2)
        if not number:
            agreed = UnitAgreement(3, 2, 0.91, 50, 0.5, 0.1)
            (ranked[-1] / "agreement.json").write_text(json.dumps([agreed.to_dict()]))
        evaluate_space(UnitSpace.read(ranked[-1] / "space.json"), FIGURES, folder / f"e{number}")
        spaces.append(folder / f"space_{number}.parquet")
        write_parquet(gather_space(folder / f"e{number}"), spaces[-1])
    variations = methods([UnitSpace.read(one / "space.json") for one in ranked], "gpu")
    settings = UnitSearchSettings(first=8, iterations=2, children=6)
    write_parquet(
        compare_methods(variations, FIGURES, settings, [0, 1, 2]), folder / "visited.parquet"
    )
    return AutobuildFiles(folder / "networks.parquet", ranked, spaces, folder / "visited.parquet")


@pytest.fixture(scope="module")
def result(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("result") / FAMILY
    config = Config().model_dump(mode="json")
    write_autobuild_report(files, config | {"report": {"members": 3}}, FAMILY, folder)
    return folder


def rows(path):
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_folder_is_complete_and_its_tables_agree(result):
    summary = json.loads((result / "summary.json").read_text())
    assert summary["format"] == "archloom-autobuild-summary/1" and summary["networks"] == 400
    assert list(summary["targets"]) == list(TARGETS)
    front = rows(result / "front.csv")
    assert [[one["architecture"], float(one["accuracy"])] for one in front] == [
        row[:2] for row in summary["front"]
    ]
    files = [one["file"] for one in front if one["file"]]
    assert 1 <= len(files) <= 3
    graph = read_graph(result / files[0])
    wanted = next(one["architecture"] for one in front if one["file"] == files[0])
    assert graph.hash == FAMILIES[FAMILY].build(wanted).hash
    units = rows(result / "units.csv")
    assert len(units) == len(TARGETS) * 5 * 2
    for name in ("fronts", "hypervolume", "spaces", "importance", "hops", "norms_1", "norms_2"):
        assert (result / "figures" / f"{name}.svg").read_text().startswith("<?xml")
        assert (result / "figures" / f"{name}.png").stat().st_size > 5000


def test_the_page_is_self_contained_and_escapes_what_it_shows(result):
    page = (result / "report.html").read_text()
    assert "default-src &#39;none&#39;" in page and "sums &lt;of&gt; expansions" in page
    assert page.count("unit 3: the seeds agree") == page.count("(first seed)") == 1
    assert page.count("<svg") == 5 + len(TARGETS)
    assert not re.search(r'(src|href)="https?:', page)
    for target in re.findall(r'href="([^"#:]+)"', page):
        assert (result / target).is_file(), target


def test_a_long_front_is_shown_from_end_to_end_with_all_that_have_files():
    members = [Member(rank, "", 0.0, 0.0, "a" if rank == 7 else "") for rank in range(1, 201)]
    ranks = [one.rank for one in shown_members(members)]
    assert ranks[0] == 1 and ranks[-1] == 200 and 7 in ranks and 30 <= len(ranks) <= 31
    assert max(np.diff(ranks)) <= 7


def test_the_front_beats_all_that_autobuild_evaluated(files, result):
    import pyarrow.parquet as pq

    seen = [row for row in pq.read_table(files.visited).to_pylist() if row["method"] == AUTOBUILD]
    for one in rows(result / "front.csv"):
        accuracy, latency = float(one["accuracy"]), float(one["latency_ms"])
        assert not [
            row
            for row in seen
            if row["acc"] >= accuracy
            and row["latency"] <= latency
            and (row["acc"], row["latency"]) != (accuracy, latency)
        ]


def test_hypervolume_grows_round_by_round(files):
    record = read_autobuild(files, FAMILY)
    assert record.worst.tolist() == [record.labelled[:, 0].min(), record.labelled[:, 1].max()]
    for one in record.searches:
        assert one.hypervolumes.shape == (3, 3) and (np.diff(one.hypervolumes) >= 0).all()
        assert one.evaluated.tolist() == [20, 20, 20]


def test_parts_of_another_family_are_refused(files):
    with pytest.raises(DataError, match="the networks are of ofa_mbv3_w10"):
        read_autobuild(files, "ofa_mbv3_w10")


@pytest.mark.parametrize("part", ["networks", "visited", "spaces"])
@pytest.mark.parametrize("damage", ["truncated", "a bit"])
def test_a_damaged_table_is_named_with_advice(files, tmp_path, part, damage):
    """The changed bit is the last one of a page of accuracies."""
    import pyarrow.parquet as pq

    found = getattr(files, part)
    source = found[0] if part == "spaces" else found
    group = pq.read_metadata(source).row_group(0)
    columns = [group.column(index) for index in range(group.num_columns)]
    (column,) = (one for one in columns if one.path_in_schema == "acc")
    start = column.dictionary_page_offset or column.data_page_offset
    place = start + column.total_compressed_size - 1
    whole = source.read_bytes()
    changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
    path = tmp_path / "damaged.parquet"
    path.write_bytes(changed if damage == "a bit" else whole[:place])
    broken = [path, *found[1:]] if part == "spaces" else path
    with pytest.raises(FormatError, match=r"damaged.parquet is no .*again"):
        read_autobuild(replace(files, **{part: broken}), FAMILY)


def test_a_table_without_a_column_is_refused(files):
    with pytest.raises(FormatError, match="not method, seed"):
        read_autobuild(replace(files, visited=files.spaces[0]), FAMILY)


def test_norms_of_blocks_are_of_every_block_at_every_hop(files):
    predictor = BlockPredictor.load(files.targets[0] / "predictor.safetensors")
    assert norms_of_blocks(predictor, "|".join(["e3k3,e3k3"] * 5)).shape == (5, 10)


def searches(method, final):
    volumes = np.array([[0.0, value] for value in final])
    fronts = [np.zeros((1, 2))] * len(final)
    return Searches(method, fronts, [["x"]] * len(final), volumes, np.full(len(final), 250))


@pytest.mark.parametrize(
    ("other", "tone", "words"),
    [
        ((1.0, 1.1, 0.9, 1.0), "good", "pays: .*larger in 4 of 4"),
        ((2.5, 1.1, 1.9, 2.6), "open", "are alike here"),
        ((3.0, 3.1, 2.9, 3.0), "open", "does not pay here"),
        ((2.0, 2.1, 2.2, 2.1), "open", "are alike here"),
    ],
)
def test_the_headline_says_no_more_than_the_seeds_do(other, tone, words):
    found = method_rows([searches("Stage-Full", other), searches(AUTOBUILD, (2.0, 2.1, 2.2, 2.1))])
    assert isinstance(found[0], MethodRow) and found[0].method == AUTOBUILD
    assert found[1].won == sum(a > b for a, b in zip((2.0, 2.1, 2.2, 2.1), other, strict=True))
    told = headline(found)
    assert told[0] == tone and re.search(words, told[1])


def test_searches_of_one_seed_are_compared_with_each_other():
    """The seeds differ more than the methods: only pairs tell these apart."""
    own, other = (1.0, 2.0, 3.0, 4.0), (0.9, 1.9, 2.8, 3.9)
    _, row = method_rows([searches(AUTOBUILD, own), searches("Stage-Full", other)])
    assert row.won == 4 and row.chance < 0.02
