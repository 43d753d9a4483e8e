"""Layered layout with folding."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from archloom.drawing.layout import layered_layout


@st.composite
def dags(draw):
    n = draw(st.integers(1, 14))
    pairs = [(a, b) for b in range(n) for a in range(b)]
    edges = draw(st.lists(st.sampled_from(pairs), max_size=30)) if pairs else []
    return n, edges


@given(dags(), st.floats(0.3, 4))
def test_any_acyclic_graph_is_laid_out_without_overlap(dag, aspect):
    n, edges = dag
    sizes = np.tile([60.0, 20.0], (n, 1))
    layout = layered_layout(sizes, edges, aspect=aspect)
    assert set(layout.edges) == set(edges)
    gap = np.abs(layout.centres[:, None] - layout.centres)
    apart = (gap[..., 0] >= 60 - 1e-6) | (gap[..., 1] >= 20 - 1e-6)
    assert apart[~np.eye(n, dtype=bool)].all()


@given(dags())
def test_edges_run_from_the_foot_of_the_source_to_the_head_of_the_target(dag):
    n, edges = dag
    sizes = np.stack([np.full(n, 40.0), 20.0 + 10 * (np.arange(n) % 2)], axis=1)
    layout = layered_layout(sizes, edges)
    for (source, target), pieces in layout.edges.items():
        foot = layout.centres[source] + [0, sizes[source, 1] / 2]
        head = layout.centres[target] - [0, sizes[target, 1] / 2]
        assert np.allclose(pieces[0][0], foot) and np.allclose(pieces[-1][-1], head)
        ends = [(piece[0], piece[-1]) for piece in pieces]
        assert all(np.allclose(a[1], b[0]) for a, b in zip(ends, ends[1:], strict=False))


def test_a_long_chain_uses_several_columns_and_a_short_one_does_not():
    def columns(n: int) -> int:
        sizes = np.tile([100.0, 20.0], (n, 1))
        return layered_layout(sizes, [(i, i + 1) for i in range(n - 1)]).columns

    assert columns(3) == 1
    assert columns(200) > 4


def test_columns_are_cut_where_few_edges_cross():
    n, pairs = 60, []
    for start in range(0, n - 1, 6):  # blocks of six with a skip connection each
        pairs += [(i, i + 1) for i in range(start, min(start + 6, n - 1))]
        if start + 6 < n:
            pairs.append((start, start + 6))
    layout = layered_layout(np.tile([100.0, 20.0], (n, 1)), pairs)
    crossing = [pair for pair, pieces in layout.edges.items() if any(len(p) > 2 for p in pieces)]
    assert layout.columns > 1
    assert len({source for source, _ in crossing}) == layout.columns - 1


@given(dags())
def test_the_order_of_edges_comes_from_the_nodes_and_not_from_memory(dag):
    n, edges = dag
    sizes = np.tile([60.0, 20.0], (n, 1))
    layouts = []
    for junk in range(4):
        pad = [object() for _ in range(junk * 37)]  # other addresses for the same objects
        layouts.append(layered_layout(sizes, edges[::-1] if junk % 2 else edges))
        del pad
    for other in layouts[1:]:
        assert np.array_equal(other.centres, layouts[0].centres)
        assert other.edges == layouts[0].edges
