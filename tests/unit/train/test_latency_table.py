"""Latency tables: keys, sums, files, and what is refused."""

import numpy as np
import pytest

from archloom.errors import DataError, FormatError
from archloom.graph import GraphBuilder
from archloom.train import latency_table
from archloom.train.latency import Latency, Timing, reference_network
from archloom.train.latency_table import (
    FREE,
    REFERENCE,
    LatencyTable,
    measure_table,
    operator_keys,
    read_table,
)

QUICK = Timing(warm_up=0, repeats=3)


def network(channels: int = 4):
    b = GraphBuilder()
    x = b.unary("relu", b.unary("batchnorm", b.conv(b.input(8, 8, 3), channels, 3, 2)))
    y = b.unary("relu", b.conv(x, channels, 1, padding=0))
    b.output(b.concat([b.add([x, y]), b.pool("maxpool", x, 3, 1)]))
    return b.build()


def test_keys_say_what_an_operator_is():
    assert operator_keys(network()) == [
        FREE,
        "conv in=8x8x3 out=4x4x4 kernel=3x3 stride=2x2 padding=same",
        "batchnorm in=4x4x4 out=4x4x4",
        "relu in=4x4x4 out=4x4x4",
        "conv in=4x4x4 out=4x4x4 kernel=1x1 padding=valid",
        "relu in=4x4x4 out=4x4x4",
        "add in=4x4x4 out=4x4x4 operands=2",
        "maxpool in=4x4x4 out=4x4x4 kernel=3x3 padding=same",
        "concat in=4x4x8 out=4x4x8 operands=2",
        FREE,
    ]


def test_norms_and_activations_are_joined_with_the_convolution_before_them():
    keys = operator_keys(network(), fuses=True)
    assert [keys[node] for node in (2, 3, 5)] == [FREE] * 3
    assert keys[1] == operator_keys(network())[1]


def test_an_activation_behind_a_branch_stays_on_its_own():
    b = GraphBuilder()
    x = b.conv(b.input(8, 8, 3), 4)
    b.output(b.add([b.unary("relu", x), x]))
    assert operator_keys(b.build(), fuses=True)[2].startswith("relu")


def test_a_latency_is_the_sum_over_the_nodes_at_one_speed_of_the_machine(monkeypatch):
    groups, slow = [], [1.0]

    def fake(some, timing):
        groups.append(len(some))
        slow[0] *= 2  # from one group to the next
        return slow[0] * np.array([[1.0] + [0.5] * (len(some) - 1)] * 3)

    monkeypatch.setattr(latency_table, "latency_rounds", fake)
    yardsticks = [Latency(time, 0, 0) for time in (10.0, 0.5, 1.0)]
    monkeypatch.setattr(latency_table, "measure_latency", lambda *_: yardsticks)
    monkeypatch.setattr(latency_table, "_GROUP", 3)
    torch = Timing("torch", warm_up=0, repeats=3)
    table = measure_table([network()], torch)
    assert groups == [4, 4, 2]  # seven distinct operators, each group with the reference
    assert table.latencies([network(), network()]) == [8 * 4.0 / 16] * 2  # relu occurs twice
    more = measure_table([network(), network(8)], torch, table)
    assert table.entries.items() <= more.entries.items() and len(groups) > 3


def test_every_operator_runs_alone():
    table = measure_table([network(), reference_network()], QUICK)
    assert all(value >= 0 for value in table.entries.values())
    small, large = table.latencies([network(), reference_network()])
    assert 0 <= small < large < 3 * table.entries[REFERENCE]


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_tables_are_read_back(tmp_path, ending):
    table = LatencyTable({FREE: 0.0, "conv a": 0.25, 'relu, "b"': 1e-7})
    table.write(tmp_path / f"table.{ending}")
    assert read_table(tmp_path / f"table.{ending}").entries == table.entries


def test_a_table_that_joins_operators_is_not_written_as_csv(tmp_path):
    with pytest.raises(FormatError, match="write .json"):
        LatencyTable({FREE: 0.0}, fuses=True).write(tmp_path / "table.csv")


def test_json_keeps_how_it_was_measured(tmp_path):
    LatencyTable({FREE: 0.0}, True, {"threads": 2}).write(tmp_path / "table.json")
    found = read_table(tmp_path / "table.json")
    assert found.fuses and found.timing == {"threads": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "begins with operator,ms"),
        ("name,time\n", "begins with operator,ms"),
        ("operator,ms\nconv,1,2\n", "line 2: 3 columns"),
        ("operator,ms\nconv,fast\n", "\"conv\" takes 'fast'"),
        ("operator,ms\nconv,-1\n", "\"conv\" takes '-1'"),
        ("operator,ms\nconv,nan\n", '"conv" takes'),
        ("operator,ms\nconv,1\nconv,2\n", "twice"),
    ],
)
def test_a_damaged_table_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_table(path)


def test_a_missing_file_and_a_foreign_one_are_refused(tmp_path):
    with pytest.raises(DataError, match="nothing.csv"):
        read_table(tmp_path / "nothing.csv")
    (tmp_path / "other.json").write_text('{"format": "other/1"}')
    with pytest.raises(FormatError, match="no latency table"):
        read_table(tmp_path / "other.json")
