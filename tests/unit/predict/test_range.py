"""Range of a predictor: calibrated on its own family, and honest about others."""

from dataclasses import replace

import numpy as np
import pytest

from archloom.errors import DataError, FormatError
from archloom.graph import Graph, GraphBuilder
from archloom.predict import GNN, LabelledGraphs, TrainingSettings, load_predictor
from archloom.predict.range import MOST_POINTS, NAMES, TrainingRange, describe
from archloom.spaces import hiaml, nb201


@pytest.fixture(scope="module")
def digits() -> TrainingRange:
    """Of a predictor of small NB-201 networks on digits."""
    return TrainingRange.of(nb201.sample(120, 0, nb201.REDUCED))


def large_network() -> Graph:
    """A plain network with residual blocks at 224 x 224."""
    b = GraphBuilder("large")
    x = b.conv(b.input(224, 224, 3), 64, 7, 2)
    for channels in (64, 128, 256, 512):
        x = b.unary("relu", b.unary("batchnorm", b.conv(x, channels, 3, 2)))
        x = b.add([x, b.unary("relu", b.unary("batchnorm", b.conv(x, channels, 3)))])
    b.output(b.matmul(b.unary("mean", x), 1000))
    return b.build()


def test_other_graphs_of_the_family_are_in_range(digits):
    places = digits.places(nb201.sample(60, 9, nb201.REDUCED))
    assert np.mean([place.inside for place in places]) > 0.9
    assert "within" in places[0].words


def test_a_large_network_is_far_out_and_the_reasons_are_named(digits):
    (place,) = digits.places([large_network()])
    assert not place.inside and place.distance > 5 * place.limit
    assert any(
        reason.startswith(("input height: 224", "FLOPs", "most channels")) for reason in place.why
    )
    assert "do not trust the score" in place.words


def test_another_family_is_out_of_range(digits):
    places = digits.places(hiaml.sample(10, 0, hiaml.REDUCED))
    assert not any(place.inside for place in places)


def test_training_graphs_have_distance_zero(digits):
    graph = nb201.sample(120, 0, nb201.REDUCED)[7]
    (place,) = digits.places([graph])
    assert place.distance == 0 and place.why == ()


def test_every_figure_is_finite_for_any_graph():
    b = GraphBuilder()
    b.output(b.unary("hardswish", b.input(3, 3, 1)))
    figures = describe(b.build())
    assert figures.shape == (len(NAMES),) and np.isfinite(figures).all()
    share = figures[NAMES.index("share of operations that the predictor does not know")]
    assert share == pytest.approx(1 / 3)


def test_many_graphs_are_thinned_and_few_are_refused():
    graphs = nb201.sample(8, 0, nb201.REDUCED)
    assert len(TrainingRange.of(graphs * 80).points) == MOST_POINTS
    with pytest.raises(DataError, match="2 graphs make no range"):
        TrainingRange.of(graphs[:2])


def test_a_trained_predictor_knows_its_range_and_keeps_it_in_its_file(tmp_path):
    graphs = nb201.sample(12, 0, nb201.REDUCED)
    data = LabelledGraphs(graphs, np.linspace(0.5, 0.9, 12))
    predictor = GNN()
    assert predictor.places(graphs) == [None] * 12
    predictor.fit(data, data, TrainingSettings(epochs=1))
    predictor.save(tmp_path / "gnn.safetensors")
    found = load_predictor(tmp_path / "gnn.safetensors")
    others = [large_network(), *graphs[:2]]
    assert found.places(others) == predictor.places(others)
    assert [place.inside for place in found.places(others)] == [False, True, True]


def test_a_range_of_another_shape_is_refused(tmp_path):
    graphs = nb201.sample(5, 0, nb201.REDUCED)
    broken = TrainingRange.of(graphs)
    broken = replace(broken, scale=broken.scale[:-1], points=broken.points[:, :-1])
    predictor = GNN()
    predictor.note(range=broken)
    predictor.save(tmp_path / "gnn.safetensors")
    with pytest.raises(FormatError, match="range of training graphs"):
        load_predictor(tmp_path / "gnn.safetensors")


def test_distances_are_root_mean_squares_in_units_of_each_figure():
    graphs = [*nb201.sample(6, 0, nb201.REDUCED), large_network()]
    points = np.array([describe(graph) for graph in graphs])
    unit = np.maximum(points.std(axis=0), [0.05 if "share" in one else 0.5 for one in NAMES])
    apart = np.sqrt((((points[:, None] - points) / unit) ** 2).mean(axis=2))
    known = TrainingRange.of(graphs)
    assert known.scale == pytest.approx(unit, rel=1e-5)
    others = nb201.sample(3, 5, nb201.REDUCED)
    for graph, place in zip(others, known.places(others), strict=True):
        distances = np.sqrt((((points - describe(graph)) / unit) ** 2).mean(axis=1))
        assert place.distance == pytest.approx(distances.min(), rel=1e-4)
    nearest = np.sort(apart, axis=1)[:, 1]
    assert nearest.min() < known.limit <= nearest.max() * (1 + 1e-5)


def test_graphs_that_hardly_differ_do_not_make_a_range_of_a_hair():
    known = TrainingRange.of([large_network()] * 8)
    shares = np.array(["share" in name for name in NAMES])
    assert known.scale[shares] == pytest.approx(0.05) and known.scale[~shares] == pytest.approx(0.5)


def test_the_reasons_are_the_figures_that_differ_most(digits):
    place, other = digits.places([large_network(), nb201.sample(1, 3, nb201.REDUCED)[0]])
    found = describe(large_network())
    nearest = digits.points[
        np.argmin([np.linalg.norm((found - point) / digits.scale) for point in digits.points])
    ]
    worst = np.argsort(-np.abs(found - nearest) / digits.scale)[:3]
    assert [why.partition(":")[0] for why in place.why] == [NAMES[k] for k in worst]
    assert place.distance > other.distance
