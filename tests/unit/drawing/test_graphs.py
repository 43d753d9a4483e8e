"""Drawing of graphs and of changes."""

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from archloom.drawing.changes import CHANGED, KEPT, compare
from archloom.drawing.collapse import collapse
from archloom.drawing.graphs import draw, draw_changes
from archloom.errors import GraphError
from archloom.graph import Graph, GraphBuilder, assemble, autogo_order
from archloom.io.reference.cg_json import from_cg_json

SVG = "{http://www.w3.org/2000/svg}"


def chain(length: int, name: str = "chain") -> Graph:
    """A chain of convolutions and activations with a skip connection around every fourth pair."""
    builder = GraphBuilder(name=name, family="test")
    node = builder.input(8, 8, 4)
    for index in range(length):
        before = node
        node = builder.unary("relu", builder.conv(node, 4))
        if index % 4 == 3:
            node = builder.add([node, before])
    builder.output(builder.matmul(builder.unary("mean", node), 10))
    return builder.build()


def with_replaced_node(graph: Graph, node: int) -> Graph:
    """``graph`` with ``node`` replaced by a 1x1 conv and a relu under new ids."""
    arrays = {
        field: np.concatenate([values, values[[node]]])
        for field, values in graph.take(range(graph.n_nodes)).items()
    }
    new = graph.n_nodes
    arrays["kernel"][node] = 1
    arrays["op"][new], arrays["kernel"][new] = 6, 0
    arrays["ids"][[node, new]] = [1000, 1001]
    source, target = graph.edges[:, 0].copy(), graph.edges[:, 1].copy()
    source[source == node] = new
    return assemble(
        arrays, np.append(source, node), np.append(target, new), name="child", family="test"
    )


def parse(svg: str) -> ET.Element:
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    return root


def node_titles(root: ET.Element) -> list[str]:
    groups = [group for group in root.iter(f"{SVG}g") if group.get("class") == "node"]
    return [group.findtext(f"{SVG}title", "") for group in groups]


def fills(root: ET.Element) -> list[str]:
    groups = [group for group in root.iter(f"{SVG}g") if group.get("class") == "node"]
    return [group.find(f"{SVG}rect").get("fill") for group in groups]


def rectangles(root: ET.Element) -> np.ndarray:
    groups = [group for group in root.iter(f"{SVG}g") if group.get("class") == "node"]
    keys = ("x", "y", "width", "height")
    return np.array([[float(g.find(f"{SVG}rect").get(key)) for key in keys] for g in groups])


def test_every_node_and_edge_is_drawn_once_with_what_it_does():
    graph = chain(6)
    root = parse(draw(graph))
    assert len(node_titles(root)) == graph.n_nodes
    paths = [path for path in root.iter(f"{SVG}path") if path.get("class") == "edge plain"]
    assert len(paths) == graph.n_edges
    text = " ".join(element.text or "" for element in root.iter(f"{SVG}text"))
    for words in ("chain", "conv 3×3", "8×8×4", "matmul", "1×1×4 → 1×1×10", "MFLOPs"):
        assert words in text
    assert "FLOPs" in node_titles(root)[1] and "same padding" in node_titles(root)[1]


def test_the_document_is_labelled_for_screen_readers():
    root = parse(draw(chain(2)))
    assert root.get("role") == "img"
    assert root.get("aria-label") == "chain"
    assert root.findtext(f"{SVG}title") == "chain"


def test_no_two_nodes_overlap_and_all_lie_on_the_paper():
    root = parse(draw(chain(40)))
    boxes = rectangles(root)
    left, top = boxes[:, 0], boxes[:, 1]
    right, bottom = left + boxes[:, 2], top + boxes[:, 3]
    overlap = (
        (left[:, None] < right)
        & (left < right[:, None])
        & (top[:, None] < bottom)
        & (top < bottom[:, None])
    )
    assert (overlap.sum(axis=1) == 1).all()
    width, height = map(float, root.get("viewBox").split()[2:])
    assert right.max() <= width and bottom.max() <= height
    assert left.min() >= 0 and top.min() >= 0


def test_a_deep_chain_is_folded_to_the_shape_of_a_page():
    root = parse(draw(chain(150)))
    width, height = map(float, root.get("viewBox").split()[2:])
    assert 0.8 < width / height < 2.5


def test_a_graph_deeper_than_the_recursion_limit_can_be_drawn():
    assert len(node_titles(parse(draw(chain(550))))) == chain(550).n_nodes


def test_texts_fit_their_nodes():
    root = parse(draw(chain(4)))
    for group in root.iter(f"{SVG}g"):
        if group.get("class") == "node":
            width = float(group.find(f"{SVG}rect").get("width"))
            longest = max(len(text.text) for text in group.iter(f"{SVG}text"))
            assert longest * 5.5 < width


def test_segments_by_order_position_and_as_node_lists_give_the_same_colours():
    graph = chain(5)
    order = autogo_order(graph)
    groups = np.arange(graph.n_nodes) // 3
    lists = [order[groups == group] for group in range(groups.max() + 1)]
    by_position, by_lists = draw(graph, groups), draw(graph, lists)
    assert by_position == by_lists
    colours = np.array(fills(parse(by_position)))
    for nodes in lists:
        assert len(set(colours[nodes])) == 1
    assert colours[order[0]] != colours[order[3]]
    assert f"{len(lists)} segments" in by_position


def test_nodes_in_no_segment_stay_grey():
    svg = draw(chain(3), [[1, 2]])
    assert "in no segment" in svg
    colours = fills(parse(svg))
    assert colours[1] == colours[2] != colours[3] == colours[0]


@pytest.mark.parametrize("segments", [[0, 1], [[0, 999]], [[-1]]])
def test_segments_of_another_graph_are_refused(segments):
    with pytest.raises(GraphError, match="AutoGO order|nodes 0 to"):
        draw(chain(3), segments)


def test_names_are_escaped():
    graph = chain(2).replace(name='<b> & "c"')
    assert parse(draw(graph)).get("aria-label") == '<b> & "c"'


def test_an_empty_graph_gives_an_empty_picture():
    assert node_titles(parse(draw(chain(2).subgraph([])))) == []


def test_unconnected_parts_are_all_drawn():
    graph = chain(4).subgraph([1, 2, 5, 6])
    boxes = rectangles(parse(draw(graph)))
    assert len(boxes) == 4
    assert len({tuple(box[:2]) for box in boxes}) == 4


def test_the_file_holds_what_is_returned(tmp_path):
    path = tmp_path / "deep" / "graph.svg"
    svg = draw(chain(2), path=path)
    assert path.read_text(encoding="utf-8") == svg


def test_drawing_twice_gives_the_same_bytes():
    assert draw(chain(30)) == draw(chain(30))


def test_a_replaced_node_is_found_by_ids():
    parent = chain(30)
    changes = compare(parent, with_replaced_node(parent, 21))
    assert changes.regions[0].removed == (21,)
    assert changes.regions[0].added == (21, parent.n_nodes)
    assert len(changes.regions) == 1 and not changes.rewired
    assert changes.summary() == ["- conv 3×3 → + conv 1×1, relu"]


def test_the_change_picture_shows_the_replacement_and_little_else():
    parent = chain(30)
    root = parse(draw_changes(parent, with_replaced_node(parent, 21)))
    titles = node_titles(root)
    assert len(titles) < 30
    hidden = [int(found[1]) for t in titles if (found := re.match(r"(\d+) nodes unchanged", t))]
    assert hidden and sum(hidden) > parent.n_nodes
    dashes = [rect for rect in root.iter(f"{SVG}rect") if rect.get("stroke-dasharray")]
    assert len(dashes) == len(hidden) + 1 + 1  # the removed node and its entry in the legend


def test_the_change_picture_counts_every_node_once():
    parent = chain(30)
    child = with_replaced_node(parent, 21)
    titles = node_titles(parse(draw_changes(parent, child)))
    hidden = [int(found[1]) for t in titles if (found := re.match(r"(\d+) nodes unchanged", t))]
    assert sum(hidden) + len(titles) - len(hidden) == parent.n_nodes + child.n_nodes


def test_changed_attributes_are_told_apart_from_replacements():
    parent = chain(8)
    kernel = parent.kernel.copy()
    kernel[1] = 5
    child = parent.replace(kernel=kernel)
    changes = compare(parent, child)
    assert changes.parent_status[1] == CHANGED
    assert (np.delete(changes.parent_status, 1) == KEPT).all()
    assert changes.summary() == ["~ conv 3×3 → conv 5×5"]


def test_a_moved_edge_is_a_change():
    parent = chain(8)
    source = parent.in_src.copy()
    skip = int(parent.in_ptr[np.flatnonzero(parent.in_degree == 2)[0]]) + 1
    source[skip] -= 2
    changes = compare(parent, parent.replace(in_src=source))
    assert len(changes.rewired) == 1
    assert changes.summary() == ["~ 1 node with other inputs"]


def test_foreign_ids_fall_back_to_the_order_of_operations():
    parent = chain(20)
    child = with_replaced_node(parent, 21)
    renumbered = child.replace(ids=child.ids + 5000)
    changes = compare(parent, renumbered)
    assert changes.summary() == ["- conv 3×3 → + conv 1×1, relu"]


def test_equal_graphs_give_a_picture_that_says_so():
    svg = draw_changes(chain(9), chain(9))
    assert "nothing changed" in svg
    assert f"{chain(9).n_nodes} nodes unchanged" in svg


def test_many_changes_are_cut_short():
    parent = chain(60)
    child = parent
    for node in range(1, 60, 5):
        kernel = child.kernel.copy()
        kernel[node] = 1 + node
        child = child.replace(kernel=kernel)
    summary = compare(parent, child).summary(limit=4)
    assert len(summary) == 5 and summary[-1].startswith("… and ")


def test_collapsing_around_a_skip_connection_makes_no_cycle():
    graph = chain(12)
    chosen = np.zeros(graph.n_nodes, dtype=bool)
    chosen[20] = True
    view = collapse(graph, chosen, context=1)
    assert sorted(node for nodes in view.members for node in nodes) == list(range(graph.n_nodes))
    order = {group: place for place, group in enumerate(_topological(view.n_groups, view.edges))}
    assert all(order[source] < order[target] for source, target in view.edges)


def _topological(n: int, edges: list[tuple[int, int]]) -> list[int]:
    """Kahn's algorithm; nodes on a cycle are missing."""
    done: list[int] = []
    while True:
        ready = [
            node
            for node in range(n)
            if node not in done and all(s in done for s, t in edges if t == node)
        ]
        if not ready:
            assert len(done) == n
            return done
        done += ready


def test_the_shipped_pairs_can_be_compared(data_folder):
    def shipped(name: str) -> Graph:
        return from_cg_json(json.loads((data_folder / "autogo_cgs" / f"{name}.json").read_text()))

    parent, child = shipped("nb201_best"), shipped("nb201_autogo")
    changes = compare(parent, child)
    assert (changes.parent_status == KEPT).sum() > 0.9 * parent.n_nodes
    assert len(node_titles(parse(draw_changes(parent, child, changes=changes)))) < 160


def test_values_colour_the_nodes_from_grey_to_orange():
    graph = chain(2)
    text = draw(graph, values=np.arange(graph.n_nodes, dtype=float), meaning="importance")
    fills = [box.get("fill") for box in ET.fromstring(text).iter(f"{SVG}rect")][1:]
    legend, nodes = fills[:3], fills[3:]
    assert len(set(nodes)) == graph.n_nodes and {legend[0], legend[2]} <= set(nodes)
    assert legend[2] == "#e69f00"
    assert "importance 3" in text
    equal = draw(graph, values=np.ones(graph.n_nodes))
    assert len({box.get("fill") for box in ET.fromstring(equal).iter(f"{SVG}rect")}) == 4


@pytest.mark.parametrize("values", [np.zeros(3), np.full(7, np.nan)])
def test_values_must_fit(values):
    with pytest.raises(GraphError, match="one finite number per node"):
        draw(chain(2), values=values)
