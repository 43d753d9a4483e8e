"""Shape propagation: golden cases, the Pyomo oracle, and what each corrected rule means."""

import json
import pickle
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archloom.errors import ConfigError, GraphError, SearchError
from archloom.graph import OPS, Graph, Padding, infer_shapes
from archloom.search.shapes.highs import HighsSolver
from archloom.search.shapes.propagation import CORRECTED, LEGACY, Propagator, Rules, propagate

WINDOWS = ("conv", "depthwise", "maxpool", "avgpool")
GOLDEN_NAMES = {"conv2d": "conv", "fusedbatchnorm": "batchnorm"}


def make_segment(names, edges=(), *, strides=None, **changes) -> Graph:
    """Return a segment of operations ``names``; windows are 3 x 3 with padding "same"."""
    operands = [[u for u, v in edges if v == node] for node in range(len(names))]
    window = np.array([name in WINDOWS for name in names])
    arrays = {
        "op": [OPS.code(name) for name in names],
        "in_ptr": np.cumsum([0] + [len(before) for before in operands]),
        "in_src": [node for before in operands for node in before],
        "resolution": np.ones((len(names), 6)),
        "kernel": np.where(window[:, None], 3, 0).repeat(2, axis=1),
        "stride": [[s, s] for s in strides or [1] * len(names)],
        "padding": np.where(window, Padding.SAME, Padding.NONE),
    }
    return Graph.from_arrays(**{**arrays, **changes})


def chain(*names, **arrays) -> Graph:
    return make_segment(names, [(k, k + 1) for k in range(len(names) - 1)], **arrays)


def shapes_out(outcome):
    return outcome.resolution[:, 1::2].tolist()


# --- golden cases -------------------------------------------------------------------------------


@dataclass
class Golden:
    segment: Graph
    sources: list
    sinks: list
    case: dict


@pytest.fixture(scope="module")
def golden(data_folder: Path) -> list[Golden]:
    document = json.loads((data_folder / "autogo_vocab" / "golden_milp.json").read_text())
    return [read_golden(case) for case in document["cases"]]


def read_golden(case: dict) -> Golden:
    index = {node["id"]: k for k, node in enumerate(case["nodes"])}
    segment = make_segment(
        [GOLDEN_NAMES.get(node["op"], node["op"]) for node in case["nodes"]],
        [(index[u], index[v]) for u, v in case["edges"]],
        strides=[(node["strides"] or [1, 1])[1] for node in case["nodes"]],
    )
    sources = [case["source_in"]] * len(segment.sources)
    return Golden(segment, sources, [case["sink_target"]] * len(segment.sinks), case)


def test_legacy_rules_reproduce_status_and_objective_of_all_golden_cases(golden):
    found = [propagate(g.segment, g.sources, g.sinks, rules=LEGACY) for g in golden]
    assert [(f.status, f.objective) for f in found] == [
        (g.case["status"], g.case["objective"]) for g in golden
    ]
    assert len(golden) == 90


def test_corrected_rules_solve_golden_segments_with_concat(golden):
    with_concat = [g for g in golden if g.case["status"] == "rejected-concat"]
    found = Counter(propagate(g.segment, g.sources, g.sinks).status for g in with_concat)
    assert found["optimal"] == 3  # the others ask a lone concat to change its channels
    assert found.keys() <= {"optimal", "infeasible"}


# --- the same model in Pyomo --------------------------------------------------------------------

OPERATIONS = (*WINDOWS, "conv", "conv", "relu", "add", "concat", "matmul")
RARE = ("batchnorm", "mean", "paddings")


@st.composite
def towers(draw):
    """Return a chain of windows that forks into a concat: several ways to spend the stride."""
    trunk = draw(
        st.lists(st.sampled_from(("conv", "conv", "depthwise", "relu")), min_size=2, max_size=4)
    )
    names = ["conv", *trunk, "conv", "avgpool", "conv", "concat", "conv"]
    last = len(trunk)
    edges = [(k, k + 1) for k in range(last)]
    edges += [(last, last + 1), (last, last + 2), (last + 2, last + 3)]
    edges += [(last + 1, last + 4), (last + 3, last + 4), (last + 4, last + 5)]
    strides = [draw(st.sampled_from((1, 1, 2))) if x in WINDOWS else 1 for x in names]
    strides[last + 1] = strides[last + 2] * strides[last + 3]
    size = draw(st.sampled_from(((32, 32), (14, 28), (15, 9))))
    divisor = draw(st.sampled_from((4, 8)))
    target = (*(-(-extent // divisor) for extent in size), draw(st.sampled_from((16, 32, 64))))
    return make_segment(names, edges, strides=strides), [(*size, 16)], [target]


@st.composite
def networks(draw):
    """Return a random small segment and an interface that its choices could reach."""
    n = draw(st.integers(1, 8))
    names = [draw(st.sampled_from(OPERATIONS * 2 + RARE)) for _ in range(n)]
    edges = []
    for node in range(1, n):
        many = names[node] in ("add", "concat")
        fewest = draw(st.sampled_from((1, 1, 1, 1, 0)))
        recent = st.integers(max(node - 3, 0), node - 1) if many else st.just(node - 1)
        before = draw(st.sets(recent, min_size=fewest, max_size=3 if many else 1))
        edges += [(u, node) for u in sorted(before)]
    segment = make_segment(
        names,
        edges,
        strides=[draw(st.sampled_from((1, 1, 2, 3))) if x in WINDOWS else 1 for x in names],
        pads=[[1, 1, 1, 1] if x == "paddings" else [0] * 4 for x in names],
    )
    size = draw(st.sampled_from(((32, 32), (14, 14), (7, 5))))
    channels = draw(st.sampled_from((16, 24)))
    wider = st.sampled_from((1, 1, 2))
    sources = [(*size, channels * draw(wider)) for _ in segment.sources]
    divisor = draw(st.sampled_from((1, 1, 2, 4)))
    target = [-(-extent // divisor) for extent in size]
    sinks = [(*target, channels * draw(wider)) for _ in segment.sinks]
    return segment, sources, sinks


def problems():
    return st.one_of(networks(), networks(), towers())


ORACLE = {rules: Propagator(rules, solver="pyomo:appsi_highs") for rules in (LEGACY, CORRECTED)}
OURS = {rules: Propagator(rules) for rules in (LEGACY, CORRECTED)}


@pytest.mark.parametrize("rules", [LEGACY, CORRECTED], ids=["legacy", "corrected"])
@given(problem=problems())
@settings(max_examples=80)
def test_the_reduced_program_has_status_and_optimum_of_the_pyomo_model(rules, problem):
    ours, oracle = OURS[rules](*problem), ORACLE[rules](*problem)
    assert (ours.status, ours.objective) == (oracle.status, oracle.objective)


@given(problem=problems(), data=st.data())
@settings(max_examples=30)
def test_other_coefficients_agree_with_pyomo_too(problem, data):
    number = st.sampled_from((0, 0.5, 1, 3))
    rules = Rules(
        channel_change=data.draw(number),
        spatial_change=data.draw(number),
        downsampling=data.draw(number),
        tensor_size=data.draw(number),
    )
    ours = propagate(*problem, rules=rules)
    oracle = propagate(*problem, rules=rules, solver="pyomo:appsi_highs")
    assert ours.status == oracle.status
    assert not ours.succeeded or ours.objective == pytest.approx(oracle.objective, rel=1e-9)


@given(problem=problems())
@settings(max_examples=150)
def test_a_propagated_segment_has_the_shapes_that_inference_computes(problem):
    segment, sources, sinks = problem
    outcome = OURS[CORRECTED](segment, sources, sinks)
    if outcome.succeeded:
        fitted = outcome.apply(segment)
        assert np.array_equal(infer_shapes(fitted).resolution, fitted.resolution)
        assert fitted.resolution[segment.sources, ::2].tolist() == list(map(list, sources))
        assert fitted.resolution[segment.sinks, 1::2].tolist() == list(map(list, sinks))


def test_random_problems_exercise_both_outcomes_and_the_solver():
    """Guard: on infeasible or trivial problems alone the tests above would prove little."""
    calls = Counter()

    class Counting(HighsSolver):
        def solve(self, program):
            calls["solver"] += 1
            return super().solve(program)

    propagator = Propagator()
    propagator._highs = Counting()

    @given(problem=problems())
    @settings(max_examples=150, database=None)
    def run(problem):
        calls[propagator(*problem).status] += 1

    run()
    assert min(calls["optimal"], calls["infeasible"]) >= 20
    assert calls["solver"] >= 5


# --- corrected rules ----------------------------------------------------------------------------


def test_concat_gets_the_sum_of_its_operands_channels():
    segment = make_segment(["relu", "conv", "conv", "concat"], [(0, 1), (0, 2), (1, 3), (2, 3)])
    outcome = propagate(segment, [(8, 8, 16)], [(8, 8, 24)])
    assert outcome.succeeded
    assert sorted(shapes_out(outcome)[k][2] for k in (1, 2)) == [8, 16]
    assert outcome.resolution[3].tolist() == [8, 8, 8, 8, 24, 24]
    assert propagate(segment, [(8, 8, 16)], [(8, 8, 24)], rules=LEGACY).status == "rejected-concat"


def test_one_tensor_concatenated_with_itself_counts_twice():
    segment = make_segment(["conv", "relu", "relu", "concat"], [(0, 1), (0, 2), (1, 3), (2, 3)])
    outcome = propagate(segment, [(8, 8, 16)], [(8, 8, 64)])
    assert shapes_out(outcome)[0] == [8, 8, 32]


def test_depthwise_takes_part_in_downsampling_and_keeps_channels():
    segment = chain("depthwise", "relu")
    outcome = propagate(segment, [(16, 16, 8)], [(4, 4, 8)])
    assert outcome.stride.tolist() == [[4, 4], [1, 1]]
    assert propagate(segment, [(16, 16, 8)], [(16, 16, 16)]).status == "infeasible"
    assert propagate(segment, [(16, 16, 8)], [(4, 4, 8)], rules=LEGACY).status == "infeasible"


def test_height_and_width_share_one_factor():
    segment = chain("conv", "relu")
    assert propagate(segment, [(16, 16, 8)], [(8, 4, 8)]).status == "infeasible"
    assert propagate(segment, [(16, 16, 8)], [(8, 4, 8)], rules=LEGACY).succeeded


def test_maps_of_one_by_one_are_allowed():
    segment = chain("conv", "relu")
    outcome = propagate(segment, [(4, 4, 8)], [(1, 1, 8)])
    assert outcome.succeeded and outcome.stride[0].tolist() == [4, 4]
    assert propagate(segment, [(4, 4, 8)], [(1, 1, 8)], rules=LEGACY).status == "infeasible"


@pytest.mark.parametrize(("size", "target", "stride"), [(7, 4, 2), (7, 2, 4), (5, 3, 2), (9, 3, 3)])
def test_odd_sizes_round_up_and_the_stride_reproduces_them(size, target, stride):
    outcome = propagate(chain("conv", "relu"), [(size, size, 8)], [(target, target, 8)])
    assert outcome.stride.tolist() == [[stride, stride], [1, 1]]
    assert -(-size // stride) == target


def test_an_increase_of_channels_costs_as_much_as_a_decrease():
    rules = Rules(tensor_size=0, downsampling=0)
    outcome = propagate(chain("conv", "relu"), [(8, 8, 16)], [(8, 8, 32)], rules=rules)
    assert outcome.objective == 16  # one descendant x |32 - 16|


def test_changes_of_different_dimensions_do_not_cancel():
    rules = Rules(tensor_size=0, downsampling=0)
    outcome = propagate(chain("conv", "relu"), [(16, 16, 16)], [(8, 8, 32)], rules=rules)
    assert outcome.objective == 8 + 8 + 16


def test_matmul_changes_channels_and_mean_makes_one_by_one():
    segment = chain("relu", "mean", "matmul")
    outcome = propagate(segment, [(8, 6, 32)], [(1, 1, 16)])
    assert outcome.resolution.tolist() == [
        [8, 8, 6, 6, 32, 32],
        [8, 1, 6, 1, 32, 32],
        [1, 1, 1, 1, 32, 16],
    ]


def test_paddings_grow_the_map_before_it_is_strided():
    pads = [[0, 1, 1, 0], [0, 0, 0, 0]]
    outcome = propagate(chain("paddings", "conv", pads=pads), [(7, 7, 8)], [(4, 4, 8)])
    assert shapes_out(outcome) == [[8, 8, 8], [4, 4, 8]]


@pytest.mark.parametrize("name", ["batchnorm", "relu", "add", "identity", "mul", "sigmoid"])
def test_other_operations_change_nothing(name):
    segment = chain("relu", name)
    assert propagate(segment, [(8, 8, 4)], [(8, 8, 4)]).succeeded
    for target in ((4, 4, 4), (8, 8, 8)):
        assert propagate(segment, [(8, 8, 4)], [target]).status == "infeasible"


@pytest.mark.parametrize(
    ("padding", "kernel", "pads", "fits"),
    [
        (Padding.VALID, 3, 0, False),
        (Padding.VALID, 1, 0, True),
        (Padding.EXPLICIT, 3, 1, True),
        (Padding.EXPLICIT, 5, 1, False),
        (Padding.NONE, 3, 0, False),
    ],
)
def test_only_padding_that_acts_like_same_can_be_restrided(padding, kernel, pads, fits):
    segment = chain(
        "relu",
        "conv",
        padding=[Padding.NONE, padding],
        kernel=[[0, 0], [kernel, kernel]],
        pads=[[0] * 4, [pads] * 4],
    )
    outcome = propagate(segment, [(9, 9, 8)], [(5, 5, 8)])
    assert outcome.status == ("optimal" if fits else "rejected-padding")
    if fits:
        fitted = outcome.apply(segment)
        assert infer_shapes(fitted).resolution.tolist() == fitted.resolution.tolist()
    else:
        assert "node 1 (conv)" in outcome.reason


def test_an_operation_without_shape_rule_is_a_reason_not_a_crash():
    outcome = propagate(chain("relu", "depthtospacend"), [(8, 8, 4)], [(16, 16, 1)])
    assert outcome.status == "rejected-op" and "depthtospacend" in outcome.reason
    with pytest.raises(SearchError, match="does not fit"):
        outcome.apply(chain("relu", "depthtospacend"))


def test_legacy_rules_reject_operands_that_differ_in_the_forward_pass():
    segment = make_segment(["conv", "conv", "add"], [(0, 2), (1, 2)], strides=[2, 1, 1])
    shapes = [(16, 16, 8), (16, 16, 8)], [(8, 8, 8)]
    assert propagate(segment, *shapes, rules=LEGACY).status == "rejected-forward"
    assert propagate(segment, *shapes).stride.tolist() == [[2, 2], [2, 2], [1, 1]]


def test_legacy_rules_reject_maps_that_vanish():
    outcome = propagate(chain("conv", strides=[4]), [(2, 2, 8)], [(2, 2, 8)], rules=LEGACY)
    assert outcome.status == "rejected-forward"


def test_the_operand_order_of_an_add_does_not_matter():
    names, strides = ["conv", "conv", "add", "conv"], [2, 1, 1, 1]
    one, other = (
        propagate(
            make_segment(names, edges, strides=strides),
            [(16, 16, 8), (16, 16, 16)],
            [(4, 4, 8)],
        )
        for edges in ([(0, 2), (1, 2), (2, 3)], [(1, 2), (0, 2), (2, 3)])
    )
    assert one.objective == other.objective
    assert np.array_equal(one.resolution, other.resolution)


# --- interface ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sources", "sinks", "message"),
    [
        ([(8, 8, 4)] * 2, [(8, 8, 4)], "each of its 1 source"),
        ([(8, 8, 4)], [(8, 8)], "sink shapes"),
        ([(8, 0, 4)], [(8, 8, 4)], "positive"),
    ],
)
def test_an_interface_that_does_not_match_the_segment_is_an_error(sources, sinks, message):
    with pytest.raises(SearchError, match=message):
        propagate(chain("relu", "conv"), sources, sinks)


def test_an_empty_or_cyclic_segment_is_an_error():
    with pytest.raises(SearchError, match="without nodes"):
        propagate(make_segment([]), np.zeros((0, 3)), np.zeros((0, 3)))
    with pytest.raises(GraphError, match="cycle"):
        propagate(make_segment(["relu", "relu"], [(0, 1), (1, 0)]), [(8, 8, 4)], [(8, 8, 4)])


def test_an_unknown_or_missing_solver_says_what_to_write():
    with pytest.raises(ConfigError, match="pyomo:appsi_highs"):
        Propagator(solver="cplex")
    with pytest.raises(ConfigError, match="not installed"):
        propagate(chain("conv"), [(8, 8, 4)], [(8, 8, 4)], solver="pyomo:no_such_solver")


# --- memory, statistics, robustness --------------------------------------------------------------


def test_repeated_calls_are_answered_from_memory_and_counted():
    propagator = Propagator()
    segment = chain("conv", "relu")
    first = propagator(segment, [(8, 8, 4)], [(8, 8, 8)])
    again = propagator(chain("conv", "relu"), [(8, 8, 4)], [(8, 8, 8)])
    failed = propagator(segment, [(8, 8, 4)], [(9, 9, 8)])
    stats = propagator.stats
    assert again is first and not failed.succeeded
    assert (stats.calls, stats.hits) == (3, 1)
    assert stats.outcomes == {"optimal": 2, "infeasible": 1}
    assert stats.success_rate == pytest.approx(2 / 3)
    assert stats.ms_per_solve > 0


def test_memory_tells_renumbered_segments_apart():
    propagator = Propagator()
    one = make_segment(["conv", "relu"], [(0, 1)])
    other = make_segment(["relu", "conv"], [(1, 0)])
    shapes = [(8, 8, 4)], [(4, 4, 8)]
    assert propagator(one, *shapes).stride.tolist() == [[2, 2], [1, 1]]
    assert propagator(other, *shapes).stride.tolist() == [[1, 1], [2, 2]]


def test_memory_is_bounded():
    propagator = Propagator(memory=2)
    for channels in (2, 4, 8, 16):
        propagator(chain("relu"), [(8, 8, channels)], [(8, 8, channels)])
    assert len(propagator._outcomes) == 2


def test_a_propagator_travels_to_another_process():
    propagator = Propagator()
    problem = chain("conv", "conv", "conv", "relu"), [(32, 32, 8)], [(8, 8, 8)]
    here = propagator(*problem)
    there = pickle.loads(pickle.dumps(propagator))
    there._outcomes.clear()
    assert np.array_equal(there(*problem).resolution, here.resolution)


def test_results_are_read_only():
    outcome = propagate(chain("conv"), [(8, 8, 4)], [(8, 8, 8)])
    with pytest.raises(ValueError, match="read-only"):
        outcome.resolution[0, 0] = 1


class Misleading(HighsSolver):
    """A solver that downsamples in the first convolution and goes back in the second."""

    def solve(self, program):
        assert [len(columns) for columns in program.columns.values()] == [3, 3]
        return "optimal", [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]


class Exhausted(HighsSolver):
    """A solver that gives up."""

    def solve(self, program):
        return "unsolved", []


@pytest.mark.parametrize(("solver", "status"), [(Misleading, "unstable"), (Exhausted, "unsolved")])
def test_a_solution_that_breaks_a_constraint_is_never_returned(solver, status):
    propagator = Propagator()
    propagator._highs = solver()
    outcome = propagator(chain("conv", "conv", "conv"), [(32, 32, 8)], [(8, 8, 8)])
    assert outcome.status == status and outcome.resolution is None and outcome.reason
