"""Frozen TensorFlow graphs (``.pb``) as operation lists, without TensorFlow.

Maps are (N, H, W, C) in the file and (N, C, H, W) in the network that is returned: inputs of four
dimensions included, and outputs of four dimensions where there is such an input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from archloom.errors import FormatError
from archloom.graph.definition import TensorType
from archloom.io.importing.inputs import batch_axes, given_shapes
from archloom.io.importing.operations import AS_STATED, InputShape, Network, Operation
from archloom.io.importing.tensorflow import Translator
from archloom.io.importing.tensorflow.messages import Node, read_nodes
from archloom.io.importing.tensorflow.translator import CHANNELS_LAST, Value, sorted_nodes, type_of

__all__ = ["networks_of_nodes", "read_nodes"]

_NO_RESULTS = {"Const", "NoOp", "Assert", "Print", "PrintV2", "Placeholder", "SaveV2", "RestoreV2"}
_VARIABLES = {"Variable", "VariableV2", "VarHandleOp", "ReadVariableOp", "TemporaryVariable"}
_VARIABLES |= {"HashTableV2", "RestoreV2"}
_LOOPS = {"Enter", "RefEnter", "Exit", "NextIteration", "LoopCond", "While", "StatelessWhile"}
_LOOPS |= {"If", "StatelessIf", "Case", "For"}
_CALLS = {"PartitionedCall", "StatefulPartitionedCall"}


def networks_of_nodes(
    nodes: list[Node], input_shape: InputShape | None = None, *, name: str = ""
) -> Iterator[Network]:
    """Yield a frozen graph as operations: for any batch, then, where it is not sure that an axis
    of its inputs is one, with the sizes as they are.

    ``input_shape`` gives sizes that the graph leaves open, in TensorFlow's order of axes, by the
    name of the placeholder where there are several. Raises ``FormatError`` naming the node for
    variables that were not frozen, control flow, operators without a rule and sizes that are not
    known.
    """
    by_name = {node.name: node for node in nodes}
    if len(by_name) < len(nodes):
        raise FormatError("two nodes have the same name: the file is damaged.")
    ends = _ends(nodes)
    needed = sorted_nodes(by_name, ends)
    for node in needed:
        _check(node)
    placeholders = [node for node in needed if node.op == "Placeholder"]
    literal = _shapes(placeholders, input_shape)
    stated = {node.name: _stated(node, len(literal[node.name])) for node in placeholders}
    axes, batch = batch_axes(stated, literal)
    shapes = {
        name: tuple(1 if axis == axes[name] else size for axis, size in enumerate(shape))
        for name, shape in literal.items()
    }

    def network(sizes: Mapping[str, tuple[int, ...]], axes: Mapping[str, int | None]) -> Network:
        last = not any(node.attributes.get("data_format") == "NCHW" for node in needed)
        maps = {name for name, shape in sizes.items() if _is_image(shape, last)}
        inputs = {}
        for node in placeholders:
            shape = sizes[node.name]
            stored = (shape[0], shape[3], *shape[1:3]) if node.name in maps else shape
            inputs[node.name] = TensorType(type_of(node, "dtype"), stored)
        return _translated(Translator(by_name, inputs, maps, axes), needed, ends, name)

    yield replace(network(shapes, axes), batch=batch)
    if shapes != literal:
        yield replace(network(literal, dict.fromkeys(literal)), notes=(AS_STATED,))


def _translated(t: Translator, needed: list[Node], ends: list[str], name: str) -> Network:
    for node in needed:
        t.run(node)
    outputs = []
    for end in ends:
        found = t.results[end]
        values = found if isinstance(found, tuple) and not isinstance(found, Value) else (found,)
        for position, value in enumerate(values):
            if isinstance(value, Value):
                output = f"{end}:{position}" if position else end
                is_map = len(value.order) == 4 and t.maps
                stored = t.ordered(value, CHANNELS_LAST) if is_map else t.plain(value)
                t.operations.append(Operation("Identity", (stored,), (output,), name=end))
                outputs.append(output)
    return Network(
        tuple(t.operations),
        t.inputs,
        tuple(outputs),
        t.constants,
        name,
        batch_axes=t.batch_axes,
        trained=t.trained,
    )


def _ends(nodes: list[Node]) -> list[str]:
    """Return the names of the nodes that give the outputs: those that nothing reads."""
    read = {name.split(":")[0] for node in nodes for name in node.inputs}
    ends = [n.name for n in nodes if n.name not in read and n.op not in _NO_RESULTS]
    if not ends:
        raise FormatError("the graph has no output: freeze the network from its output node.")
    return ends


def _check(node: Node) -> None:
    """Raise ``FormatError`` for a node that a frozen network does not have."""
    if node.op in _VARIABLES:
        raise node.refuse(
            "a variable: the graph is not frozen. Turn variables into constants first "
            "(convert_variables_to_constants_v2, or freeze_graph in TensorFlow 1)."
        )
    if node.op in _LOOPS:
        raise node.refuse(
            "control flow, which a graph cannot hold: freeze the network in inference mode, or cut "
            "the part without it out."
        )
    if node.op in _CALLS:
        raise node.refuse(
            "a call of a function: freeze the graph with its functions inlined "
            "(convert_variables_to_constants_v2)."
        )


# --- inputs --------------------------------------------------------------------------------------


def _is_image(shape: tuple[int, ...], channels_last: bool) -> bool:
    """Return whether an input of four dimensions is (N, H, W, C)."""
    return len(shape) == 4 and (channels_last or shape[3] in (1, 3, 4))


def _shapes(placeholders: list[Node], given: InputShape | None) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the inputs as the file orders them, at batch 1."""
    if not placeholders:
        raise FormatError(
            "the graph has no placeholder: archloom works with networks that read one."
        )
    shapes = given_shapes(given, [node.name for node in placeholders], "graph")
    return {node.name: _shape(node, shapes.get(node.name)) for node in placeholders}


def _stated(node: Node, rank: int) -> list[int]:
    """Return the sizes that a placeholder states, 0 where they are open."""
    stated = node.attributes.get("shape")
    if stated is None or len(stated) != rank:
        return [0] * rank
    return [max(size, 0) for size in stated]


def _shape(node: Node, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return the sizes of a placeholder, an open batch that is not given as 1."""
    stated = node.attributes.get("shape")
    if stated == () and given is not None:
        stated = None  # TensorFlow 1 writes an unknown shape like this too
    if given is not None:
        fits = stated is None or (
            len(stated) == len(given)
            and all(
                one in (-1, size) or not position
                for position, (one, size) in enumerate(zip(stated, given, strict=True))
            )
        )
        if not fits or min(given, default=1) < 1:
            raise node.refuse(
                f"its shape is {_shown(stated)}, {list(given)} does not fit: give all sizes with "
                "the batch, in this order."
            )
        return given
    if stated is None or sum(size < 1 for size in stated) > 1:
        raise node.refuse(
            f"its shape is {_shown(stated)}: sizes other than the batch have to be known, give "
            "them with input_shape (on the command line --input-shape), such as 1,224,224,3."
        )
    return tuple(1 if size < 1 else size for size in stated)


def _shown(shape: tuple[int, ...] | None) -> str:
    if shape is None:
        return "unknown"
    return "[" + ", ".join("?" if size < 0 else str(size) for size in shape) + "]"
