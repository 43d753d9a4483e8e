"""Peak memory of activations against a simulation that allocates and frees tensors."""

from hypothesis import given

from archloom.graph import Graph, GraphBuilder, output_shapes
from archloom.graph.memory import peak_activations
from strategies import networks, segments


def simulated(graph: Graph) -> int:
    """Run the graph on paper: make a tensor per step, drop those that no later step reads."""
    order, alive, peak = graph.order.tolist(), {}, 0
    for position, node in enumerate(order):
        height, width, channels = output_shapes(graph)[node].tolist()
        alive[node] = 0 if graph.op_name(node) == "output" else 4 * height * width * channels
        peak = max(peak, sum(alive.values()))
        later = {int(p) for other in order[position + 1 :] for p in graph.predecessors(other)}
        alive = {k: v for k, v in alive.items() if k in later or not graph.out_degree[k]}
    return peak


@given(networks())
def test_networks_need_what_a_simulation_needs(graph):
    assert peak_activations(graph) == simulated(graph)


@given(segments())
def test_so_do_segments_with_several_ends(graph):
    assert peak_activations(graph) == simulated(graph)


def test_a_shortcut_keeps_its_tensor_alive():
    b = GraphBuilder()
    x = b.input(8, 8, 4)
    y = b.conv(b.conv(x, 4), 4)
    plain = b.build()
    b.output(b.add([x, y]))
    tensor = 4 * 8 * 8 * 4
    assert peak_activations(plain) == 2 * tensor
    assert peak_activations(b.build()) == 3 * tensor
