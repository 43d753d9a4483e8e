"""Fixed nodes as PyTorch modules: what an ONNX definition says, with the weights that belong to it.

A map has the shape (N, C, H, W) between nodes of the vocabulary; around fixed nodes a tensor has
the rank that the ONNX model gave it, so (N, C) stands for a map of one pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archloom.execute.operators import function_of
from archloom.graph.definition import Definition, Literal, Operand, Weight


class Fixed(nn.Module):
    """Runs a definition; ``forward`` takes one tensor per operand.

    Its tensors are parameters where they are floating-point, else buffers; both start as zeros.
    Raises ``GraphError`` for an operator that cannot be executed, speaking of ``where``.
    """

    def __init__(self, definition: Definition, where: str) -> None:
        super().__init__()
        self._function = function_of(definition, where)
        self._names: list[str | None] = []
        for position, slot in enumerate(definition.inputs):
            match slot:
                case Weight(name=name, type=one):
                    tensor = torch.zeros(one.shape, dtype=torch_dtype(one.dtype))
                    if tensor.is_floating_point():
                        self.register_parameter(name, nn.Parameter(tensor))
                    else:
                        self.register_buffer(name, tensor)
                    self._names.append(name)
                case Literal():
                    name = f"literal{position}"
                    self.register_buffer(name, literal_tensor(slot), persistent=False)
                    self._names.append(name)
                case Operand() | None:
                    self._names.append(None)
        self._is_single = len(definition.outputs) == 1  # what nobody reads, nobody gets
        self._is_operand = [isinstance(slot, Operand) for slot in definition.inputs]

    def forward(self, *operands: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the output, or all outputs where the definition has several.

        operands : one tensor per ``Operand`` slot, (N, ...) where the definition has (1, ...)
        """
        waiting = iter(operands)
        inputs = [
            next(waiting) if is_operand else None if name is None else getattr(self, name)
            for name, is_operand in zip(self._names, self._is_operand, strict=True)
        ]
        found = self._function(inputs)
        return found[0] if self._is_single and isinstance(found, tuple) else found


def torch_dtype(name: str) -> torch.dtype:
    """Return PyTorch's type for NumPy's name of it (bool, int64, float32, bfloat16, ...)."""
    dtype = getattr(torch, name)
    assert isinstance(dtype, torch.dtype), name
    return dtype


def literal_tensor(literal: Literal) -> Tensor:
    """Return a literal as a tensor of its type and shape, () for a scalar."""
    values = torch.tensor(literal.values, dtype=torch_dtype(literal.type.dtype))
    return values.reshape(literal.type.shape)


def as_map(value: Tensor) -> Tensor:
    """Return ``value`` for a node of the vocabulary: (N, C) becomes (N, C, 1, 1)."""
    return value[:, :, None, None] if value.dim() == 2 else value


def as_operand(value: Tensor, rank: int) -> Tensor:
    """Return ``value`` for a fixed node that takes ``rank`` dimensions: a map of one pixel loses H
    and W for two, and gets them for four. All outputs of an operator, which only a ``Pick`` takes,
    stay what they are.
    """
    if isinstance(value, Tensor) and {rank, value.dim()} == {2, 4}:
        return value.flatten(1) if rank == 2 else as_map(value)
    return value
