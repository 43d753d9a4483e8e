"""What fixed nodes of imported steps go by: names, sizes, and which constants are weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

Shape = tuple[int, int, int]

NUMBERS = {"Resize", "Pad", "Clip", "Slice", "Range", "OneHot", "Expand", "Tile", "Reshape"}
"""Operators whose constants always say what they do."""

PARTS = {
    "Conv": ("", "weight", "bias"),
    "ConvTranspose": ("", "weight", "bias"),
    "Gemm": ("", "weight", "bias"),
    "LayerNormalization": ("", "weight", "bias"),
    "GroupNormalization": ("", "weight", "bias"),
    "InstanceNormalization": ("", "weight", "bias"),
    "BatchNormalization": ("", "weight", "bias", "mean", "var"),
    "LSTM": ("", "weight", "recurrence", "bias"),
    "GRU": ("", "weight", "recurrence", "bias"),
    "RNN": ("", "weight", "recurrence", "bias"),
    "PRelu": ("", "weight"),
}
"""Names of the weights of operators by position; ``weight`` and ``weight{position}`` elsewhere."""

CHANNELS_FIRST = {
    "Conv",
    "ConvTranspose",
    "MaxPool",
    "AveragePool",
    "LpPool",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GlobalLpPool",
    "BatchNormalization",
    "InstanceNormalization",
    "GroupNormalization",
    "DepthToSpace",
    "SpaceToDepth",
    "LRN",
    "GridSample",
}
"""Operators for which the second dimension is the channels."""

COUNTED = "archloom.parameters/"
"""Key of an ONNX file's properties, in front of a tensor's name, for the parameters behind it."""

BY_CONSTANT = {
    "MatMul": ("batched_matmul", "matmul"),
    "Einsum": ("batched_matmul", "matmul"),
    "Gather": ("gather", "embedding"),
}
"""Names of a fixed node without and with a constant tensor of floats."""

OP_NAMES = {
    "Conv": "conv",
    "ConvTranspose": "conv_transpose",
    "BatchNormalization": "batchnorm",
    "InstanceNormalization": "instancenorm",
    "GroupNormalization": "groupnorm",
    "LayerNormalization": "layernorm",
    "RMSNormalization": "layernorm",
    "Softmax": "softmax",
    "LogSoftmax": "softmax",
    "Gemm": "matmul",
    "Add": "add",
    "Sum": "add",
    "Mul": "mul",
    "Concat": "concat",
    "MaxPool": "maxpool",
    "AveragePool": "avgpool",
    "GlobalAveragePool": "mean",
    "ReduceMean": "mean",
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "HardSwish": "hardswish",
    "HardSigmoid": "hardsigmoid",
    "Gelu": "gelu",
    "Clip": "clip",
    "Pad": "paddings",
    "Resize": "resize",
    "Slice": "slice",
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Shape", "Size"), "reshape"),
    "Transpose": "transpose",
    "DepthToSpace": "depthtospacend",
    "SpaceToDepth": "spacetodepthnd",
    "ConstantOfShape": "broadcast",
    "Range": "broadcast",
    "Expand": "broadcast",
    "Tile": "broadcast",
    "GatherElements": "gather",
    "GatherND": "gather",
    "ArgMax": "reduce",
    "ArgMin": "reduce",
    "TopK": "reduce",
    "GlobalMaxPool": "reduce",
    "GlobalLpPool": "reduce",
    **{
        f"Reduce{kind}": "reduce"
        for kind in "L1 L2 LogSum LogSumExp Max Min Prod Sum SumSquare".split()
    },
    **dict.fromkeys(
        "Abs Acos Acosh And Asin Asinh Atan Atanh BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast "
        "Ceil Celu Cos Cosh CumSum Div Elu Equal Erf Exp Floor Greater GreaterOrEqual IsInf IsNaN "
        "LRN LeakyRelu Less LessOrEqual Log LpNormalization Max Mean MeanVarianceNormalization Min "
        "Mish Mod Neg Not Or PRelu Pow Reciprocal Round Selu Shrink Sign Sin Sinh Softplus "
        "Softsign Sqrt Sub Tan ThresholdedRelu Trilu Where Xor QuantizeLinear "
        "DequantizeLinear".split(),
        "elementwise",
    ),
}
"""Names that fixed nodes go by; ``opaque`` for the rest."""


def sizes_of(shape: Sequence[int], channels_first: bool = False) -> Shape:
    """Return a tensor's (H, W, C) for counting: of maps what they have, of all else the last axis
    as channels and the product of all others as height.
    """
    if channels_first and len(shape) >= 2:
        space = shape[2:] or (1,)
        if len(space) == 1:
            return space[0], 1, shape[1]
        return shape[0] * math.prod(space[:-1]), space[-1], shape[1]
    rows = math.prod(shape[:-1])
    return max(rows, 1), 1, max(shape[-1], 1) if shape else 1
