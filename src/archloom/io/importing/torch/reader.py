"""PyTorch modules as graphs, through ``torch.export``.

The exported ATen graph is read before any decomposition, so that a convolution is one operation;
operators without a rule (``archloom.io.importing.torch``) are decomposed by PyTorch first. The
batch size stays free where the module allows it.

More than 400 lines: preparing the module, exporting it and reading the export share its batch.
"""

from __future__ import annotations

import copy
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram, ShapesCollection, default_decompositions
from torch.export.graph_signature import InputKind, OutputKind
from torch.utils import _pytree as pytree

from archloom.errors import ConfigError, FormatError, GraphError
from archloom.execute.tensors import arrays_of
from archloom.graph.definition import TensorType
from archloom.io.importing.model import Model, to_model, with_origins
from archloom.io.importing.operations import Network, Operation
from archloom.io.importing.torch import RULES, Translator
from archloom.io.importing.torch.regions import inline_regions
from archloom.io.importing.torch.translator import (
    Batch,
    BatchError,
    Value,
    as_size,
    bound,
    describe,
    mutated,
    operator_name,
)

Example = Tensor | Sequence[Any] | Mapping[str, Any]


def from_torch(module: nn.Module, example: Example, *, name: str = "") -> Model:
    """Return ``module`` in evaluation mode as a graph with its weights.

    example    the input (N, ...), the positional inputs as a tuple, or inputs by name as a mapping;
               its sizes hold for the graph, its batch size does not
    name       of the graph; default: the class of the module

    The module is not changed; the weights of the model are copies of its own, in float32 and on the
    CPU (a module of another precision or device is copied first). ``Model.origins`` says which
    parameter of the module each weight is. Inputs that are no tensors become part of the graph. A
    submodule that is called twice gives nodes for each call, with a copy of its weights each.

    Raises ``FormatError`` that names operator and line for what cannot be exported or has no
    meaning in a graph, ``GraphError`` for an example that is no tensor at all, ``ConfigError`` for
    a ``module`` that is none.
    """
    if not isinstance(module, nn.Module):
        raise ConfigError(f"{type(module).__name__} is no PyTorch module: give a torch.nn.Module.")
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise FormatError(
            "the module is or holds a TorchScript module (torch.jit), whose code cannot be "
            "exported again: give the module that it was made from, or write it as an ONNX file."
        )
    positional, named = _examples(example)
    with _evaluating(module) as quiet:
        source = _plain(quiet)
        positional, named = pytree.tree_map_only(Tensor, _as_plain, (positional, named))
        network = _network(source, positional, named, name or type(module).__name__)
        own = {*source.state_dict(), *(key for key, _ in source.named_buffers())}
    return with_origins(to_model(network), own)


# --- the example and the module ------------------------------------------------------------------


def _examples(example: Example) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positional and named example inputs."""
    positional: tuple[Any, ...] = ()
    named: dict[str, Any] = {}
    if isinstance(example, Tensor):
        positional = (example,)
    elif isinstance(example, Mapping):
        named = dict(example)
    elif isinstance(example, list | tuple):
        positional = tuple(example)
    if not any(isinstance(leaf, Tensor) for leaf in pytree.tree_leaves((positional, named))):
        raise GraphError(
            f"the example is {type(example).__name__} without a tensor: give the input of the "
            "module, such as torch.zeros(1, 3, 224, 224), a tuple of inputs, or inputs by name."
        )
    return positional, named


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the module in evaluation mode; every submodule has its own mode again afterwards."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield module
    finally:
        for part, training in modes.items():
            part.training = training


def _plain(module: nn.Module) -> nn.Module:
    """Return the module in float32 on the CPU, itself where it is that already."""
    tensors = [*module.parameters(), *module.buffers()]
    if any(one.is_meta for one in tensors):
        raise FormatError(
            "the module has tensors on the meta device, which hold no values: create it on the CPU."
        )
    if all(one.device.type == "cpu" and _is_plain(one) for one in tensors):
        return module
    try:
        return copy.deepcopy(module).to("cpu", torch.float32)
    except (RuntimeError, TypeError) as error:
        raise FormatError(
            f"the module could not be copied to float32 on the CPU ({error}): move it there with "
            "module.float().cpu() first."
        ) from error


def _is_plain(one: Tensor) -> bool:
    return one.dtype == torch.float32 or not one.is_floating_point()


def _as_plain(one: Tensor) -> Tensor:
    return one.detach().to("cpu", one.dtype if _is_plain(one) else torch.float32)


# --- the exported program ------------------------------------------------------------------------


def _network(
    module: nn.Module, positional: tuple[Any, ...], named: dict[str, Any], name: str
) -> Network:
    """Return the module as operations, for every batch size where that can be had with an example
    of one.
    """
    try:
        return _translated(_export(module, *_of_two(positional, named), free=True), name)
    except FormatError as error:
        if not _is_of_one(positional, named):
            advice = "" if isinstance(error, BatchError) else " Try a batch of one, too."
            raise FormatError(f"{error}{advice}") from error
    network = _translated(_export(module, positional, named, free=False), name)
    note = "the network takes batches of one only."
    return replace(network, batch=1, notes=(*network.notes, note))


def _of_two(positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Return the example with a batch of two at least, so that one is not taken for a constant."""

    def widened(one: Tensor) -> Tensor:
        return torch.cat([one, one]) if one.dim() and len(one) == 1 else one

    return pytree.tree_map_only(Tensor, widened, (positional, named))


def _is_of_one(positional: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Return whether the batch of the example is one."""
    tensors = [one for one in pytree.tree_leaves((positional, named)) if isinstance(one, Tensor)]
    return tensors[0].dim() == 0 or len(tensors[0]) == 1


def _export(
    module: nn.Module, positional: tuple[Any, ...], named: dict[str, Any], *, free: bool
) -> ExportedProgram:
    """Return the exported program, its first dimensions ``free`` or as they are."""
    dynamic = None
    if free:
        shapes = ShapesCollection()  # type: ignore[no-untyped-call]
        for one in pytree.tree_leaves((positional, named)):
            if isinstance(one, Tensor) and one.dim():
                shapes[one] = {0: Dim.AUTO}
        dynamic = shapes.dynamic_shapes(module, positional, named)  # type: ignore[no-untyped-call]
    with _exporting():
        program = torch.export.export(module, positional, named, dynamic_shapes=dynamic)
        inline_regions(program.graph_module)
    if free and not _is_free(program):
        raise BatchError(_BOUND)
    unknown = _unknown(program)
    if not unknown and not _needs_functions(program):
        return program
    with _exporting():
        return program.run_decompositions(_decompositions() if unknown else {})


_BOUND = (
    "the module is bound to the first size of the example, which should be a batch of any size: "
    "give an example with a batch of one in front."
)


def _is_free(program: ExportedProgram) -> bool:
    """Return whether the first size of an input was kept free."""
    fakes = [node.meta.get("val") for node in _placeholders(program)]
    return any(
        isinstance(as_size(fake.shape[0]), Batch)
        for fake in fakes
        if isinstance(fake, Tensor) and fake.dim()
    )


@contextmanager
def _exporting() -> Iterator[None]:
    """Turn what PyTorch's exporter raises into ``FormatError``, and keep its reports off the
    terminal.
    """
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        raise FormatError(_advice(error)) from error
    finally:
        logging.disable(before)


def _advice(error: Exception) -> str:
    """Return what went wrong in an export and what to try."""
    text = str(error).strip()
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    marker = "The following call raised this error:"
    where = ""
    if marker in text:
        lines = [line.strip() for line in text.split(marker)[1].splitlines() if line.strip()]
        where = f" at {' '.join(lines[:2])}"
    if "data-dependent" in text or "DataDependent" in type(error).__name__:
        what = (
            f"its control flow or a size depends on the values of a tensor{where} ({first}). "
            "Write the choice with torch.where, give sizes as plain numbers, or import the part "
            "without it"
        )
    else:
        what = (
            f"torch.export refuses it ({type(error).__name__}: {first}){where}. Check that it runs "
            "on this example in evaluation mode; replace what is no tensor operation, or write an "
            "ONNX file with your own exporter and read that"
        )
    return f"the module cannot be imported: {what}."


def _unknown(program: ExportedProgram) -> list[fx.Node]:
    """Return the calls of operators without a rule that depend on the input or the batch size."""
    return [
        node
        for node in _variable(program)
        if node.op == "call_function"
        and isinstance(node.target, torch._ops.OpOverload)
        and operator_name(node.target) not in RULES
        and isinstance(node.meta.get("val"), Tensor | list | tuple)
    ]


def _variable(program: ExportedProgram) -> list[fx.Node]:
    """Return the nodes that depend on the input or the batch size."""
    found: dict[fx.Node, None] = {}
    kinds = zip(_placeholders(program), program.graph_signature.input_specs, strict=True)
    inputs = {node for node, one in kinds if one.kind == InputKind.USER_INPUT}
    for node in program.graph.nodes:
        if node in inputs or any(one in found for one in node.all_input_nodes):
            found[node] = None
            if node.op == "call_function" and isinstance(node.target, torch._ops.OpOverload):
                arguments = bound(node.target, node)
                found.update(dict.fromkeys(arguments[name] for name in mutated(node.target)))
    return list(found)


def _decompositions() -> dict[Any, Any]:
    """Return PyTorch's decompositions of the operators that have no rule."""
    return {
        target: function
        for target, function in default_decompositions().items()  # type: ignore[no-untyped-call]
        if operator_name(target) not in RULES
    }


def _needs_functions(program: ExportedProgram) -> bool:
    """Return whether a tensor is changed that is visible elsewhere: a tensor of the module, or one
    whose view or base is read later.
    """
    root: dict[fx.Node, fx.Node] = {}
    members: dict[fx.Node, list[fx.Node]] = {}
    changes = []
    place = {node: position for position, node in enumerate(program.graph.nodes)}
    for node in program.graph.nodes:
        shared = node
        if node.op == "call_function" and isinstance(node.target, torch._ops.OpOverload):
            arguments = bound(node.target, node)
            source = next(iter(_aliased(node.target, arguments)), None)
            shared = root.get(source, node) if source is not None else node
            changes += [(node, arguments[name]) for name in mutated(node.target)]
        root[node] = shared
        members.setdefault(shared, []).append(node)
    for node, target in changes:
        if root[target].op == "placeholder":
            return True
        later = (
            reader
            for member in members[root[target]]
            if member is not target and place[member] < place[node]
            for reader in member.users
        )
        if any(place[reader] > place[node] for reader in later):
            return True
    return False


def _aliased(target: Any, arguments: Mapping[str, Any]) -> list[fx.Node]:
    """Return the arguments that share memory with the result, or may do so."""
    names = [one.name for one in target._schema.arguments if one.alias_info is not None]
    if operator_name(target) in ("dropout", "feature_dropout", "to", "contiguous", "reshape"):
        names.append("input" if "input" in arguments else "self")
    return [arguments[name] for name in names if isinstance(arguments.get(name), fx.Node)]


# --- from the program to operations --------------------------------------------------------------


def _translated(program: ExportedProgram, name: str) -> Network:
    """Return an exported program as operations."""
    unknown = _unknown(program)
    if unknown:
        raise FormatError(
            f"the module cannot be imported: {describe(unknown[0])} has no meaning in a graph of "
            "archloom and cannot be decomposed. Replace it by tensor operations, or write an ONNX "
            "file with your own exporter and read that."
        )
    translator = Translator()
    inputs: dict[str, TensorType] = {}
    specifications = dict(
        zip(_placeholders(program), program.graph_signature.input_specs, strict=True)
    )
    for node, specification in specifications.items():
        _feed(translator, program, node, specification, inputs)
    for node in program.graph.nodes:
        if node.op == "call_function":
            translator.run(node)
    outputs, dropped = _outputs(translator, program, inputs)
    return Network(
        operations=tuple(translator.operations),
        inputs=inputs,
        outputs=outputs,
        constants=arrays_of(translator.constants),
        name=name,
        trained=translator.trained,
        notes=tuple(dropped),
    )


def _placeholders(program: ExportedProgram) -> list[fx.Node]:
    return [node for node in program.graph.nodes if node.op == "placeholder"]


def _feed(
    translator: Translator,
    program: ExportedProgram,
    node: fx.Node,
    specification: Any,
    inputs: dict[str, TensorType],
) -> None:
    """Enter a placeholder of the program: an input, a number, or a tensor of the module."""
    if specification.kind == InputKind.USER_INPUT:
        if not isinstance(node.meta.get("val"), Tensor):
            return  # a number or None, which the export has put in where it is used
        value = translator.feed(node, node.name, None)
        shape = tuple(size.factor if isinstance(size, Batch) else size for size in value.shape)
        inputs[value.name] = TensorType(str(value.dtype).removeprefix("torch."), shape)
        return
    target = specification.target
    tensor = program.state_dict.get(target)
    if tensor is None:
        tensor = program.constants.get(target)
    if not isinstance(tensor, Tensor):
        raise FormatError(
            f"the module cannot be imported: it holds {target!r}, which is no tensor "
            f"({type(tensor).__name__}); keep it out of forward."
        )
    trained = specification.kind == InputKind.PARAMETER
    translator.feed(node, str(target), tensor.detach().cpu().clone(), trained=trained)


def _outputs(
    translator: Translator, program: ExportedProgram, inputs: Mapping[str, TensorType]
) -> tuple[tuple[str, ...], list[str]]:
    """Name the outputs after their place in what ``forward`` returns; return the names and what was
    left out.
    """
    output = next(node for node in program.graph.nodes if node.op == "output")
    given = [
        value
        for value, one in zip(output.args[0], program.graph_signature.output_specs, strict=True)
        if one.kind == OutputKind.USER_OUTPUT
    ]
    names, notes = [], []
    for value, place in zip(given, _places(program), strict=True):
        found = translator.values.get(value) if isinstance(value, fx.Node) else None
        if not isinstance(found, Value):
            notes.append(f"the output {place!r} is no tensor and was left out.")
            continue
        name = place if place not in inputs else f"{place}_output"
        translator.operations.append(Operation("Identity", (found.name,), (name,), name=name))
        names.append(name)
    changed = [
        str(one.target)
        for one in program.graph_signature.output_specs
        if one.kind == OutputKind.BUFFER_MUTATION
    ]
    if changed:
        notes.append(f"forward changes the buffer {changed[0]!r}, which a graph does not.")
    if not names:
        raise FormatError(
            "the module cannot be imported: it returns no tensor; let forward return one."
        )
    return tuple(names), notes


def _places(program: ExportedProgram) -> list[str]:
    """Return where each output is in what ``forward`` returns, such as ``logits`` or ``1.0``."""
    tree = program.call_spec.out_spec
    assert tree is not None
    number = tree.num_leaves
    try:
        numbered = pytree.tree_unflatten(list(range(number)), tree)
        paths = [path for path, _ in pytree.tree_flatten_with_path(numbered)[0]]
    except Exception:  # a class of the module's own without paths
        return [f"output_{position}" for position in range(number)]
    named = [".".join(str(_key(part)) for part in path) for path in paths]
    return [name if not name.isdigit() and name else f"output_{name}".rstrip("_") for name in named]


def _key(part: Any) -> Any:
    return next(getattr(part, name) for name in ("key", "idx", "name") if hasattr(part, name))
