"""Operators of older and newer operator sets compute what ONNX Runtime computes with them."""

import numpy as np
import pytest

from archloom.errors import FormatError
from import_suite.kinds import Kind, floats, run, whole

MAP = "g (float[n,2,5,5] x) => (float[n,c,h,w] y)"
ROWS = "g (float[n,3,4] x) => (float[n,a,b] y)"
X = {"x": floats(2, 2, 5, 5)}
ROW = {"x": floats(2, 3, 4)}
FACTORS = {"s": np.array([1, 1, 2, 3], np.float32)}


def half_pixel_for_nn(rounding: str) -> str:
    return (
        f'{MAP} {{ y = Resize<mode="nearest", nearest_mode="{rounding}", '
        'coordinate_transformation_mode="tf_half_pixel_for_nn">(x, roi, s) }'
    )


EMPTY = {"roi": np.zeros(0, np.float32)}
NORM = {"s": floats(2), "b": floats(2, seed=1), "m": floats(2, seed=2), "v": abs(floats(2, seed=3))}

KINDS = {
    "upsample7": Kind(f"{MAP} {{ y = Upsample<scales=[1.0,1.0,2.0,3.0]>(x) }}", X, opset=7),
    "upsample7_linear": Kind(
        f'{MAP} {{ y = Upsample<mode="linear", scales=[1.0,1.0,2.0,2.0]>(x) }}', X, opset=8
    ),
    "upsample9": Kind(f"{MAP} {{ y = Upsample(x, s) }}", X, FACTORS, 9),
    "upsample9_linear": Kind(f'{MAP} {{ y = Upsample<mode="linear">(x, s) }}', X, FACTORS, 9),
    "upsample9_constant": Kind(
        f"{MAP} {{ s = Constant<value = float[4] {{1.0,1.0,2.0,3.0}}>() y = Upsample(x, s) }}",
        X,
        opset=9,
    ),
    "resize10": Kind(f"{MAP} {{ y = Resize(x, s) }}", X, FACTORS, 10),
    "resize10_down": Kind(
        f"{MAP} {{ y = Resize(x, s) }}", X, {"s": np.array([1, 1, 0.6, 0.4], np.float32)}, 10
    ),
    "resize10_linear": Kind(f'{MAP} {{ y = Resize<mode="linear">(x, s) }}', X, FACTORS, 10),
    "resize11": Kind(f"{MAP} {{ y = Resize(x, roi, s) }}", X, {**FACTORS, **EMPTY}, 11),
    "resize11_sizes": Kind(
        'g (float[1,2,5,5] x) => (float[n,c,h,w] y) { y = Resize<mode="linear", '
        'coordinate_transformation_mode="pytorch_half_pixel">(x, roi, none, sizes) }',
        {"x": floats(1, 2, 5, 5)},
        {**EMPTY, "none": np.zeros(0, np.float32), "sizes": whole(1, 2, 7, 9)},
        11,
    ),
    "resize11_cubic": Kind(
        f'{MAP} {{ y = Resize<mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5>(x, roi, s) }}',
        X,
        {**FACTORS, **EMPTY},
        12,
    ),
    "resize11_floor": Kind(half_pixel_for_nn("floor"), X, {**FACTORS, **EMPTY}, 11),
    "resize11_round": Kind(half_pixel_for_nn("round_prefer_floor"), X, {**FACTORS, **EMPTY}, 11),
    "resize13": Kind(f"{MAP} {{ y = Resize(x, , s) }}", X, FACTORS, 13),
    "hardmax": Kind(f"{ROWS} {{ y = Hardmax<axis=1>(x) }}", ROW, opset=12),
    "hardmax_last": Kind(f"{ROWS} {{ y = Hardmax<axis=-1>(x) }}", ROW, opset=11),
    "softmax": Kind(f"{ROWS} {{ y = Softmax(x) }}", ROW, opset=9),
    "softmax_middle": Kind(f"{ROWS} {{ y = Softmax<axis=-2>(x) }}", ROW, opset=11),
    "log_softmax": Kind(f"{ROWS} {{ y = LogSoftmax<axis=1>(x) }}", ROW, opset=11),
    "scatter": Kind(
        f"{ROWS} {{ y = Scatter<axis=2>(x, i, u) }}",
        {"x": floats(1, 3, 4)},
        {"i": np.array([[[0, 2], [1, 0], [3, 1]]]), "u": floats(1, 3, 2)},
        9,
        (1, 3, 4),
    ),
    "group_norm18": Kind(
        "g (float[n,6,4,4] x) => (float[n,6,4,4] y) { y = GroupNormalization<num_groups=3, "
        "epsilon=0.01>(x, s, b) }",
        {"x": floats(2, 6, 4, 4)},
        {"s": floats(3), "b": floats(3, seed=1)},
        20,
    ),
    "group_norm21": Kind(
        "g (float[n,6,4,4] x) => (float[n,6,4,4] y) { y = GroupNormalization<num_groups=3>(x, s, b)"
        " }",
        {"x": floats(2, 6, 4, 4)},
        {"s": floats(6), "b": floats(6, seed=1)},
    ),
    **{
        f"batch_norm{opset}": Kind(
            f"{MAP} {{ y = BatchNormalization<epsilon=0.01>(x, s, b, m, v) }}", X, NORM, opset
        )
        for opset in (7, 9, 14, 15)
    },
    "squeeze": Kind(
        "g (float[n,1,4] x) => (float[n,4] y) { y = Squeeze<axes=[1]>(x) }",
        {"x": floats(2, 1, 4)},
        opset=8,
    ),
    "unsqueeze": Kind(
        "g (float[n,4] x) => (float[n,1,4,1] y) { y = Unsqueeze<axes=[1,3]>(x) }",
        {"x": floats(2, 4)},
        opset=11,
    ),
    "dropout7": Kind(f"{ROWS} {{ y, mask = Dropout<ratio=0.7>(x) }}", ROW, opset=7),
    "dropout12": Kind(
        f"{ROWS} {{ y, mask = Dropout(x, r) }}", ROW, {"r": np.float32(0.7)}, opset=12
    ),
    "pad2": Kind(
        f'{MAP} {{ y = Pad<mode="constant", pads=[0,0,1,2,0,0,0,1], value=0.5>(x) }}', X, opset=10
    ),
    "pad2_reflect": Kind(
        f'{MAP} {{ y = Pad<mode="reflect", pads=[0,0,1,2,0,0,0,1]>(x) }}', X, opset=8
    ),
    "slice1": Kind(
        f"{ROWS} {{ y = Slice<axes=[1,2], starts=[1,-3], ends=[9,-1]>(x) }}", ROW, opset=9
    ),
    "slice1_no_axes": Kind(
        f"{ROWS} {{ y = Slice<starts=[0,1], ends=[9223372036854775807,3]>(x) }}", ROW, opset=7
    ),
    "top_k1": Kind(
        "g (float[n,3,4] x) => (float[n,3,2] y, int64[n,3,2] i) { y, i = TopK<k=2>(x) }",
        ROW,
        opset=9,
    ),
    "top_k10": Kind(
        "g (float[n,3,4] x) => (float[n,2,4] y, int64[n,2,4] i) { y, i = TopK<axis=1>(x, k) }",
        ROW,
        {"k": whole(2)},
        10,
    ),
    "clip6": Kind(f"{ROWS} {{ y = Clip<min=-0.5, max=0.7>(x) }}", ROW, opset=9),
    "clip6_below": Kind(f"{ROWS} {{ y = Clip<max=0.2>(x) }}", ROW, opset=10),
    "clip11": Kind(f"{ROWS} {{ y = Clip(x, low) }}", ROW, {"low": np.float32(0.1)}, 11),
    "reduce": Kind(
        "g (float[n,3,4] x) => (float[n,4] y) { y = ReduceMean<axes=[1], keepdims=0>(x) }",
        ROW,
        opset=11,
    ),
    "reduce_max": Kind(f"{ROWS} {{ y = ReduceMax<axes=[-1]>(x) }}", ROW, opset=17),
    "split2": Kind(
        "g (float[n,3,4] x) => (float[n,3,1] y, float[n,3,3] z) { y, z = Split<axis=2, split=[1,3]>"
        "(x) }",
        ROW,
        opset=11,
    ),
    "split13": Kind(
        "g (float[n,3,4] x) => (float[n,3,2] y, float[n,3,2] z) { y, z = Split<axis=-1>(x) }",
        ROW,
        opset=13,
    ),
    "grid16": Kind(
        "g (float[n,2,5,5] x, float[n,3,3,2] grid) => (float[n,2,3,3] y) { y = GridSample<mode="
        '"bicubic", padding_mode="border">(x, grid) }',
        {**X, "grid": np.tanh(floats(2, 3, 3, 2))},
        opset=16,
    ),
    "quantised10": Kind(
        f"{ROWS} {{ q = QuantizeLinear(x, s, z) r = DequantizeLinear(q, s, z) y = Relu(r) }}",
        ROW,
        {"s": np.float32(0.1), "z": np.int8(3)},
        10,
    ),
    "quantised13": Kind(
        f"{ROWS} {{ q = QuantizeLinear<axis=-1>(x, s, z) y = DequantizeLinear<axis=-1>(q, s, z) }}",
        ROW,
        {"s": abs(floats(4)) + 0.1, "z": np.array([1, 0, 200, 3], np.uint8)},
        13,
    ),
    "gemm7": Kind(
        "g (float[n,3] x) => (float[n,2] y) { y = Gemm<transB=1, alpha=0.5>(x, w, b) }",
        {"x": floats(2, 3)},
        {"w": floats(2, 3), "b": floats(2)},
        7,
    ),
    **{
        f"conv_transpose_{auto.lower()}_{opset}": Kind(
            f'{MAP} {{ y = ConvTranspose<auto_pad="{auto}", strides=[2,2]>(x, w) }}',
            X,
            {"w": floats(2, 3, 3, 3)},
            opset,
        )
        for auto in ("SAME_UPPER", "SAME_LOWER")
        for opset in (8, 11)
    },
    "rms_norm23": Kind(
        f"{ROWS} {{ y = RMSNormalization<epsilon=0.1, axis=1>(x, s) }}",
        ROW,
        {"s": floats(3, 4)},
        23,
    ),
    "rotary23": Kind(
        "g (float[n,5,12] x) => (float[n,5,12] y) { y = RotaryEmbedding<num_heads=3, interleaved=1>"
        "(x, c, s, p) }",
        {"x": floats(2, 5, 12)},
        {"c": floats(9, 2), "s": floats(9, 2, seed=1), "p": np.arange(10).reshape(2, 5) % 9},
        23,
        (2, 5, 12),
    ),
    "rotary23_plain": Kind(
        "g (float[n,3,5,4] x, float[n,5,1] c, float[n,5,1] s) => (float[n,3,5,4] y) { y = "
        "RotaryEmbedding<rotary_embedding_dim=2>(x, c, s) }",
        {"x": floats(2, 3, 5, 4), "c": floats(2, 5, 1), "s": floats(2, 5, 1, seed=1)},
        opset=23,
    ),
    "attention23": Kind(
        "g (float[n,3,5,4] q, float[n,3,6,4] k, float[n,3,6,2] v) => (float[n,3,5,2] y) { y = "
        "Attention<softcap=2.0, scale=0.3>(q, k, v) }",
        {"q": floats(2, 3, 5, 4), "k": floats(2, 3, 6, 4), "v": floats(2, 3, 6, 2)},
        opset=23,
    ),
    "attention23_grouped": Kind(
        "g (float[n,5,16] q, float[n,5,8] k, float[n,5,8] v) => (float[n,5,16] y) { y = "
        "Attention<q_num_heads=4, kv_num_heads=2, is_causal=1>(q, k, v) }",
        {"q": floats(2, 5, 16), "k": floats(2, 5, 8), "v": floats(2, 5, 8, seed=1)},
        opset=23,
    ),
    "attention23_mask": Kind(
        "g (float[n,2,5,4] q, float[n,2,6,4] k, float[n,2,6,4] v, bool[n,1,5,6] m) => "
        "(float[n,2,5,4] y) { y = Attention(q, k, v, m) }",
        {
            "q": floats(2, 2, 5, 4),
            "k": floats(2, 2, 6, 4),
            "v": floats(2, 2, 6, 4, seed=1),
            "m": np.random.default_rng(0).random((2, 1, 5, 6)) < 0.7,
        },
        opset=23,
    ),
    "attention23_cache": Kind(
        "g (float[n,2,3,4] q, float[n,2,3,4] k, float[n,2,3,4] v, float[n,2,2,4] pk, "
        "float[n,2,2,4] pv) => (float[n,2,3,4] y, float[n,2,5,4] nk, float[n,2,5,4] nv) "
        "{ y, nk, nv = Attention<is_causal=1>(q, k, v, , pk, pv) }",
        {name: floats(2, 2, 3, 4, seed=ord(name)) for name in "qkv"}
        | {name: floats(2, 2, 2, 4, seed=ord(name[1])) for name in ("pk", "pv")},
        opset=23,
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_it_computes_what_onnx_runtime_computes(name, tmp_path):
    KINDS[name].check(tmp_path)


def test_swish_of_set_24_is_read(tmp_path):
    kind = Kind(f"{ROWS} {{ y = Swish<alpha=1.7>(x) }}", ROW, opset=24)
    x = ROW["x"]
    found = run(kind.read(tmp_path), ROW)[0]
    np.testing.assert_allclose(found, x / (1 + np.exp(-1.7 * x)), atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (
            Kind(
                "g (float[n,2,5,5] x) => (float[n,2,5,5] y, float[2] m2, float[2] v2) "
                "{ y, m2, v2, a, c = BatchNormalization(x, s, b, m, v) }",
                X,
                NORM,
                9,
            ),
            "training mode",
        ),
        (
            Kind(f"{MAP} {{ y = BatchNormalization<spatial=0>(x, s, b, m, v) }}", X, NORM, 7),
            "'spatial' 0",
        ),
        (Kind(half_pixel_for_nn("ceil"), X, {**FACTORS, **EMPTY}, 11), "tf_half_pixel_for_nn"),
    ],
)
def test_what_cannot_be_said_today_is_refused(kind, why, tmp_path):
    with pytest.raises(FormatError, match=why):
        kind.read(tmp_path)
