"""The ENAS space of the DAG-encoder benchmark: check values, what labels depend on, PyTorch."""

from itertools import islice

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import GraphError
from archloom.graph import check, flops, parameters
from archloom.spaces import enas
from reference_models.enas import Network
from reference_models.layers import assert_same_outputs

CHECKED = [
    ("1,4,5,0,2,3/000111111100001", 69_084, 12_748_392),
    ("5,3,2,3,5,2/111110000101110", 90_396, 19_068_264),
    ("1,1,5,4,4,2/110100011110101", 56_772, 11_280_744),
    ("1,3,2,2,1,5/011000001101000", 91_512, 26_489_448),
    ("0,3,1,5,3,0/001001100000110", 50_616, 21_383_784),
    ("0,1,0,5,4,4/000001001000100", 46_080, 22_478_184),
]
SOME = [CHECKED[0][0], CHECKED[-1][0], *islice(enas.architectures(0), 2)]


def unread_reductions(architecture):
    """Reductions behind layers 1 and 3 that the written network has and no layer reads."""
    bits = architecture.partition("/")[2]
    reads = {1: {0}}  # outputs (0 the stem) that a layer reads, by layer
    start = 0
    for layer in range(1, 6):
        skips = bits[start : start + layer]
        reads[layer] = {layer} | {state for state, bit in enumerate(skips) if bit == "1"}
        start += layer
    found = {}
    for halved, size in ((1, 16), (3, 8)):
        later = set().union(*(reads[layer] for layer in range(halved + 1, 6)))
        found[size] = sum(state not in later for state in range(halved + 2))
    return found


@pytest.mark.parametrize(("architecture", "params", "macs"), CHECKED)
def test_check_values(architecture, params, macs):
    """The values count all reductions; our networks leave those out that nobody reads."""
    unread = unread_reductions(architecture)
    graph = enas.build(architecture)
    left_out = sum(unread.values()) * (36 * 36 + 72)
    left_out_macs = sum(number * 36 * 36 * size**2 for size, number in unread.items())
    assert parameters(graph) + left_out == params
    assert flops(graph, "mac") // 2 + left_out_macs == macs


def test_reductions_that_nobody_reads_are_few():
    assert [sum(unread_reductions(one).values()) for one, _, _ in CHECKED] == [0, 1, 0, 1, 1, 5]


@pytest.mark.parametrize(("architecture", "params", "macs"), CHECKED)
def test_trained_network_of_every_string_has_the_same_counts(architecture, params, macs):
    trained = enas.trained(architecture)
    assert trained.partition("/")[::2] == ("5,5,5,5,5,5", architecture.partition("/")[2])
    unread = unread_reductions(trained)
    graph = enas.build(trained)
    assert parameters(graph) + sum(unread.values()) * 1_368 == 20_916
    left_out_macs = sum(number * 36 * 36 * size**2 for size, number in unread.items())
    assert flops(graph, "mac") // 2 + left_out_macs == 5_889_384


def test_labels_belong_to_the_trained_networks(data_folder):
    table = pd.read_parquet(data_folder / "enas_dvae" / "weight_sharing.parquet")
    written = [enas.from_lists(*row) for row in zip(table["ops"], table["skips"], strict=True)]
    trained = table["ws_acc"].groupby([enas.trained(one) for one in written])
    assert (len(set(written)), trained.ngroups) == (20_015, 8_765)
    assert (trained.nunique() == 1).all()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,4,5,0,2,3",
        "1,4,5,0,2,6/000111111100001",
        "1,4,5,0,2/000111111100001",
        "1,4,5,0,2,3/00011111110000",
        "1,4,5,0,2,3/000111111100002",
    ],
)
def test_damaged_string_is_refused(text):
    with pytest.raises(GraphError, match="6 operations 0 to 5 .*15 skip bits"):
        enas.build(text)


@given(seed=st.integers(0, 2**32 - 1))
def test_sampled_architectures_are_in_the_space(seed):
    for architecture in islice(enas.architectures(seed), 3):
        operations, bits = enas.parse(architecture)
        assert enas.from_lists(operations, [int(bit) for bit in "".join(bits)]) == architecture
        assert [len(one) for one in bits] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("skeleton", [enas.FULL, enas.REDUCED], ids=lambda one: one.name)
@pytest.mark.parametrize("architecture", SOME)
def test_output_equals_plain_pytorch(architecture, skeleton, training):
    graph = enas.build(architecture, skeleton)
    check(graph)
    model = network(architecture, skeleton)
    assert_same_outputs(model, graph, training, 1e-8)


def test_the_written_network_has_the_parameters_of_the_check_values():
    for architecture, params, _ in CHECKED:
        model = network(architecture, enas.FULL, all_halved=True)
        assert sum(tensor.numel() for tensor in model.parameters()) == params


def network(architecture, skeleton, all_halved=False):
    operations, bits = enas.parse(architecture)
    return Network(operations, bits, skeleton.shape[2], skeleton.stem, all_halved=all_halved)
