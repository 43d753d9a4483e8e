"""Graph nodes of imported steps: of the vocabulary where it can say exactly what a step computes on
NCHW maps, fixed nodes for all else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import FormatError
from archloom.graph import Definition, GraphBuilder
from archloom.graph.definition import OPSET, OWN_DOMAIN, Operand, Slot, TensorType, Weight
from archloom.io.importing.layout import maps_of
from archloom.io.importing.names import (
    BY_CONSTANT,
    CHANNELS_FIRST,
    NUMBERS,
    OP_NAMES,
    PARTS,
    Shape,
    sizes_of,
)
from archloom.io.importing.rewrite import Rewriter
from archloom.io.importing.steps import Step, Value, is_float, literal_of
from archloom.io.importing.vocabulary import HANDLERS


class NodeWriter:
    """Turns the steps of ``r`` into nodes; ``weights`` and ``origins`` are by node index, which is
    the id that a new graph gives.
    """

    def __init__(self, r: Rewriter, inputs: Sequence[str], name: str) -> None:
        self.r = r
        self.maps = maps_of(r, inputs)
        self.builder = GraphBuilder(name=name)
        self.node: dict[str, int] = {}
        self.weights: dict[str, NDArray[Any]] = {}
        self.origins: dict[str, str] = {}
        self._counted: set[str] = set()  # parameters that a node has
        self._owns: list[bool] = []  # of the weights of a vocabulary node: whether it counts them
        self.shared: list[int] = []

    # --- ends ------------------------------------------------------------------------------------

    def write_input(self, name: str) -> None:
        """Add the input called ``name``."""
        one = self.r.value(name).type
        if name in self.maps and len(one.shape) == 4:
            self.node[name] = self.builder.input(one.shape[2], one.shape[3], one.shape[1])
            return
        batch = _batch_attribute(self.r.value(name))
        definition = Definition("Input", (), (one,), batch, OWN_DOMAIN)
        sizes = sizes_of(one.shape)
        self.node[name] = self.builder.fixed("input", (), definition, sizes, sizes)

    def write_output(self, name: str) -> None:
        """Add the output called ``name``."""
        if name not in self.node:
            raise FormatError(
                f"the output {name!r} is a constant: it does not depend on the input, remove it "
                "from the model."
            )
        one = self.r.value(name).type
        node = self.node[name]
        if name in self.maps and (len(one.shape) == 2 or one.shape[2:] != (1, 1)):
            self.builder.output(node)
            return
        batch = _batch_attribute(self.r.value(name))
        definition = Definition("Output", (Operand(one),), (one,), batch, OWN_DOMAIN)
        sizes = self._sizes(name)
        self.builder.fixed("output", (node,), definition, sizes, sizes)

    # --- steps -----------------------------------------------------------------------------------

    def write(self, step: Step) -> None:
        """Add what ``step`` computes."""
        handler = HANDLERS.get(step.op_type) if not step.domain else None
        self._owns.clear()
        node = handler(self, step) if handler is not None else None
        if node is None:
            self._write_fixed(step)
            return
        self.node[step.outputs[0]] = node
        if self._owns and not self._owns[0]:
            self.shared.append(node)

    def operand(self, name: str) -> int:
        """Return the node that computes ``name``."""
        return self.node[name]

    def are_maps(self, *names: str) -> bool:
        """Return whether all values are computed maps."""
        return all(name in self.maps and name in self.node for name in names)

    def keep(
        self, part: str, data: NDArray[Any], origin: str = "", *, infinite: bool = False
    ) -> None:
        """Take ``data`` as a weight of the node that is added next.

        Raises ``FormatError`` for NaN, and for infinite numbers unless they are allowed.
        """
        if is_float(data) and not np.isfinite(data).all():
            if not infinite or np.isnan(data).any():
                raise FormatError(
                    f"tensor {origin or part!r} holds NaN or infinite numbers: every output would "
                    "be spoilt, export the model from an intact checkpoint."
                )
        key = f"{len(self.builder)}.{part}"
        self.weights[key] = data.astype(np.float32, copy=False) if is_float(data) else data
        if origin:
            self.origins[key] = origin

    def keep_input(self, part: str, name: str, *, infinite: bool = False) -> None:
        """Take the constant ``name`` as a weight of the node that is added next."""
        one = self.r.value(name)
        assert one.data is not None
        if part not in ("mean", "var"):
            self.count(name)
        self.keep(part, one.data, one.origin, infinite=infinite)

    def count(self, name: str) -> None:
        """Take the constant ``name`` for parameters of the node that is added next."""
        trained = self.r.value(name).trained
        self._owns.append(trained is None or bool(trained.keys() - self._counted))
        self._counted.update(trained or ())

    # --- fixed nodes -----------------------------------------------------------------------------

    def _write_fixed(self, step: Step) -> None:
        if step.op_type in _EXPANDED and not step.domain:
            _EXPANDED[step.op_type](self, step)
            return
        outputs = step.outputs[: self.used_outputs(step)]
        slots = [self._slot(step, position) for position in range(len(step.inputs))]
        while slots and slots[-1] is None:
            del slots[-1]
        if not any(isinstance(slot, Operand) for slot in slots):
            raise FormatError(
                f"{step.where} computes something from nothing, such as random numbers: make it an "
                "input of the model."
            )
        types = tuple(
            self.r.value(name).type if name else TensorType("float32", ()) for name in outputs
        )
        definition = Definition(
            step.op_type,
            tuple(slots),
            types,
            tuple(sorted(step.attributes.items())),
            step.domain,
            step.version or OPSET,
        )
        node = self._add_fixed(step, definition)
        if len(outputs) == 1:
            self.node[outputs[0]] = node
            return
        for position, name in enumerate(outputs):
            if name and self.r.reads(name):
                pick = Definition(
                    "Pick",
                    (Operand(types[0]),),
                    (types[position],),
                    (("index", position),),
                    domain=OWN_DOMAIN,
                )
                sizes = self._sizes(name)
                self.node[name] = self.builder.fixed("pick", (node,), pick, sizes, sizes)

    def used_outputs(self, step: Step) -> int:
        """Return the number of outputs up to the last one that is read."""
        used = [i for i, name in enumerate(step.outputs) if name and self.r.reads(name)]
        return max(used, default=0) + 1

    def _slot(self, step: Step, position: int) -> Slot:
        name = step.inputs[position]
        if not name:
            return None
        one = self.r.value(name)
        if not one.is_constant:
            pixel = step.op_type == "Reshape" and name in self.maps and one.shape[2:] == (1, 1)
            return Operand(TensorType(one.type.dtype, one.shape[:2]) if pixel else one.type)
        assert one.data is not None
        parts = PARTS.get(step.op_type, ())
        named = position < len(parts)
        says = step.op_type in NUMBERS or one.data.size <= 1
        says |= not is_float(one.data) and one.data.size <= 64
        argument = step.op_type in NUMBERS and position > 0
        says &= argument or not (one.trained and is_float(one.data))
        if says and not named:
            return literal_of(one.data)
        first = not any(n and self.r.value(n).is_constant for n in step.inputs[:position])
        part = parts[position] if named else "weight" if first else f"weight{position}"
        fresh = {key: size for key, size in (one.trained or {}).items() if key not in self._counted}
        self.keep_input(part, name, infinite=not named)
        weight = Weight(part, one.type)
        if one.trained is None or sum(fresh.values()) == weight.parameters:
            return weight
        return Weight(part, one.type, sum(fresh.values()))

    def _add_fixed(self, step: Step, definition: Definition) -> int:
        operands = [name for name in step.inputs if name and not self.r.value(name).is_constant]
        first, last = step.op_type in CHANNELS_FIRST, step.outputs[0] or operands[0]
        more: dict[str, Any] = {}
        if step.op_type in ("Conv", "ConvTranspose"):
            kernel = self.r.value(step.inputs[1]).shape[2:]
            more["kernel"] = (math.prod(kernel[:-1]), kernel[-1])
            more["groups"] = step.attributes.get("group", 1)
            more["bias"] = len(step.inputs) > 2
        return self.builder.fixed(
            self._op_name(step),
            [self.node[name] for name in operands],
            definition,
            self._sizes(operands[0], first),
            self._sizes(last, first),
            **more,
        )

    def _op_name(self, step: Step) -> str:
        if step.domain:
            return "opaque"
        if step.op_type in ("MatMul", "Einsum", "Gather"):
            constants = [n for n in step.inputs if n and self.r.value(n).is_constant]
            plain, weighted = BY_CONSTANT[step.op_type]
            floats = any("float" in self.r.value(name).type.dtype for name in constants)
            return weighted if floats else plain
        return OP_NAMES.get(step.op_type, "opaque")

    def _sizes(self, name: str, channels_first: bool = False) -> Shape:
        return sizes_of(self.r.value(name).shape, channels_first or name in self.maps)

    def _write_slices(self, step: Step) -> None:
        """Write a Split as one Slice for each part that is read."""
        one = self.r.value(step.inputs[0])
        axis = int(step.attributes.get("axis", 0)) % len(one.shape)  # type: ignore[arg-type]
        start = 0
        for name in step.outputs:
            end = start + self.r.value(name).shape[axis]
            if self.r.reads(name):
                bounds = [
                    self.r.values.constant(np.array([number])) for number in (start, end, axis)
                ]
                self._write_fixed(Step("Slice", [step.inputs[0], *bounds], [name], name=step.name))
            start = end

    def _write_swish(self, step: Step) -> None:
        """Write x * sigmoid(alpha x), which the operator set has no name for."""
        x, result = step.inputs[0], step.outputs[0]
        gate, slope = f"{result}/gate", step.attributes.get("alpha", 1.0)
        self.r.values.of[gate] = self.r.value(result)
        inner = x
        if slope != 1:
            inner = f"{result}/steep"
            self.r.values.of[inner] = self.r.value(result)
            factor = self.r.values.constant(np.array(slope, dtype=np.float32))
            self._write_fixed(Step("Mul", [x, factor], [inner], name=step.name))
        self._write_fixed(Step("Sigmoid", [inner], [gate], name=step.name))
        self._write_fixed(Step("Mul", [x, gate], [result], name=step.name))


def _batch_attribute(one: Value) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return the attributes of an end: which of its axes grow with the batch, if it is not the
    first alone.
    """
    if one.wide is None:
        axes: tuple[int, ...] = (0,) if one.shape[:1] == (1,) else ()
    else:
        pairs = enumerate(zip(one.shape, one.wide, strict=True))
        axes = tuple(axis for axis, (size, wide) in pairs if size != wide)
    return () if axes == (0,) else (("batch", axes),)


_EXPANDED: dict[str, Callable[[NodeWriter, Step], None]] = {
    "Split": NodeWriter._write_slices,
    "Swish": NodeWriter._write_swish,
}
"""Steps that are written as several fixed nodes."""
