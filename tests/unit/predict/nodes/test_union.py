import numpy as np

from archloom.graph import GraphBuilder
from archloom.predict.nodes.union import cut, flatten, ranges, whole


def chain_with_two_adds():
    """input, relu a, relu b, add (a, b), add (add, b), relu."""
    b = GraphBuilder()
    x = b.input(8, 8, 4)
    left, right = b.unary("relu", x), b.unary("relu", x)
    first = b.add([left, right])
    second = b.add([first, right])
    b.unary("relu", second)
    return b.build()


def part(union, number):
    """Nodes and edges of one part, by node of the flat layout."""
    low, high = union.part_ptr[number : number + 2]
    edges = [
        (int(union.origin[source]), int(union.origin[node]))
        for node in range(low, high)
        for source in union.in_src[union.in_ptr[node] : union.in_ptr[node + 1]]
    ]
    return union.origin[low:high].tolist(), edges


def test_ranges_follow_each_other():
    assert ranges(np.array([5, 0, 2]), np.array([2, 0, 3])).tolist() == [5, 6, 2, 3, 4]


def test_a_part_drops_edges_from_outside():
    union = cut(flatten([chain_with_two_adds()]), np.array([1]), np.array([3]), bridge=False)
    assert part(union, 0) == ([1, 2, 3], [(1, 3), (2, 3)])


def test_an_add_with_one_parent_left_is_bridged():
    union = cut(flatten([chain_with_two_adds()]), np.array([2]), np.array([4]), bridge=True)
    assert part(union, 0) == ([2, 4, 5], [(2, 4), (2, 4), (4, 5)])


def test_bridges_in_a_row_lead_back_to_the_last_kept_parent():
    union = cut(flatten([chain_with_two_adds()]), np.array([3]), np.array([3]), bridge=True)
    assert part(union, 0) == ([3, 5], [(3, 5)])


def test_an_add_without_parents_stays():
    union = cut(flatten([chain_with_two_adds()]), np.array([3]), np.array([1]), bridge=True)
    assert part(union, 0) == ([3], [])


def test_parts_may_overlap():
    union = cut(flatten([chain_with_two_adds()]), np.array([0, 1]), np.array([6, 5]), bridge=True)
    assert union.sizes.tolist() == [6, 5]
    assert part(union, 1)[0] == [1, 2, 3, 4, 5]


def test_nodes_are_laid_out_in_the_given_order():
    graph = chain_with_two_adds()
    order = np.array([0, 2, 1, 3, 4, 5])
    flat = flatten([graph, graph], [np.arange(6), order])
    assert part(whole(flat, bridge=False), 1)[1] == [
        (6, 7), (6, 8), (8, 9), (7, 9), (9, 10), (7, 10), (10, 11)
    ]  # fmt: skip
