"""Rare attributes, and operators that ONNX's reference runs, against ONNX Runtime."""

import numpy as np
import pytest

from import_suite.kinds import Kind, floats, whole

X = {"x": floats(2, 2, 6, 6)}
RANDOM = np.random.default_rng(0)
BYTES = RANDOM.integers(0, 255, (2, 2, 6, 6)).astype(np.uint8)
KERNEL = RANDOM.integers(0, 9, (3, 2, 3, 3)).astype(np.uint8)
MATRIX = RANDOM.integers(0, 9, (4, 3)).astype(np.uint8)
SCALES = {
    "s": np.float32(0.1),
    "z": np.uint8(3),
    "s2": np.float32(0.2),
    "z2": np.uint8(2),
    "s3": np.float32(3.0),
    "z3": np.uint8(7),
}
KINDS = {
    "roi16": Kind(
        "g (float[n,2,6,6] x) => (float[a,b,c,d] y) { y = "
        'RoiAlign<output_height=2,output_width=3,sampling_ratio=2,spatial_scale=0.5,mode="max">(x, '
        "r, i) }",
        X,
        {"r": np.array([[0, 0, 5, 5], [1, 2, 9, 8]], np.float32), "i": whole(0, 0)},
        16,
    ),
    "roi10": Kind(
        "g (float[n,2,6,6] x) => (float[a,b,c,d] y) { y = "
        "RoiAlign<output_height=2,output_width=3,sampling_ratio=2>(x, r, i) }",
        X,
        {"r": np.array([[0, 0, 5, 5], [1, 2, 9, 8]], np.float32), "i": whole(0, 0)},
        10,
    ),
    "lppool": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = "
        "LpPool<kernel_shape=[3,2],p=3,strides=[2,1],pads=[1,0,1,1]>(x) }",
        X,
        opset=11,
    ),
    "lppool_ceil": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = "
        "LpPool<kernel_shape=[3,3],strides=[2,2],ceil_mode=1,dilations=[1,2]>(x) "
        "}",
        X,
        opset=18,
    ),
    "lppool_same": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = "
        'LpPool<kernel_shape=[3,3],strides=[2,2],auto_pad="SAME_UPPER">(x) }',
        X,
        opset=18,
    ),
    "avg_dil": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = "
        "AveragePool<kernel_shape=[2,2],dilations=[2,3],pads=[1,0,0,1]>(x) }",
        X,
        opset=19,
    ),
    "avg_dil_incl": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = "
        "AveragePool<kernel_shape=[2,2],dilations=[2,3],pads=[1,0,0,1],"
        "count_include_pad=1,ceil_mode=1,strides=[2,2]>(x) "
        "}",
        X,
        opset=19,
    ),
    "avg_ceil": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = "
        "AveragePool<kernel_shape=[3,3],pads=[1,1,1,1],count_include_pad=1,"
        "ceil_mode=1,strides=[2,2]>(x) "
        "}",
        X,
        opset=19,
    ),
    "avg_ceil10": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = "
        "AveragePool<kernel_shape=[3,3],pads=[1,1,1,1],count_include_pad=0,"
        "ceil_mode=1,strides=[2,2]>(x) "
        "}",
        X,
        opset=10,
    ),
    "avg_same_incl": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = "
        'AveragePool<kernel_shape=[3,3],auto_pad="SAME_LOWER",'
        "count_include_pad=1,strides=[2,2]>(x) "
        "}",
        X,
        opset=11,
    ),
    "max_order": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y, int64[n,c,h,w] i) { y, i = "
        "MaxPool<kernel_shape=[2,2],storage_order=1,strides=[2,2]>(x) }",
        {"x": floats(1, 2, 6, 6)},
        opset=12,
    ),
    "max_idx": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y, int64[n,c,h,w] i) { y, i = "
        "MaxPool<kernel_shape=[3,3],pads=[1,1,1,1],strides=[2,2]>(x) }",
        X,
        opset=12,
    ),
    "max_ceil": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = "
        "MaxPool<kernel_shape=[3,3],pads=[1,1,1,1],ceil_mode=1,strides=[3,3],dilations=[1,2]>(x) "
        "}",
        X,
        opset=12,
    ),
    "resize_aa": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = "
        'Resize<mode="linear",antialias=1>(x, , s) }',
        X,
        {"s": np.array([1, 1, 0.5, 0.4], np.float32)},
        18,
    ),
    "resize_aac": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = "
        'Resize<mode="cubic",antialias=1,exclude_outside=1>(x, , s) }',
        X,
        {"s": np.array([1, 1, 0.5, 0.4], np.float32)},
        18,
    ),
    "resize_crop": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = "
        'Resize<mode="linear",'
        'coordinate_transformation_mode="tf_crop_and_resize",extrapolation_value=0.7>(x, '
        "roi, , z) }",
        {"x": floats(1, 2, 6, 6)},
        {"z": whole(1, 2, 4, 5), "roi": np.array([0, 0, 0.2, 0.1, 1, 1, 1.3, 0.9], np.float32)},
        13,
        (1, 2, 6, 6),
    ),
    "resize_aspect": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = "
        'Resize<mode="linear",axes=[2,3],keep_aspect_ratio_policy="not_larger">(x, '
        ", , z) }",
        X,
        {"z": whole(9, 4)},
        18,
    ),
    "resize_sym": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = "
        'Resize<mode="linear",coordinate_transformation_mode="half_pixel_symmetric">(x, '
        ", s) }",
        X,
        {"s": np.array([1, 1, 1.3, 0.7], np.float32)},
        19,
    ),
    "resize_near": Kind(
        'g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = Resize<mode="nearest">(x, , s) }',
        X,
        {"s": np.array([1, 1, 1.6, 0.7], np.float32)},
        19,
    ),
    "deform": Kind(
        "g (float[n,2,6,6] x, float[n,8,5,5] o) => (float[n,c,h,w] y) { y = "
        "DeformConv<kernel_shape=[2,2],pads=[0,0,0,0]>(x, w, o, b) }",
        {**X, "o": floats(2, 8, 5, 5)},
        {"w": floats(3, 2, 2, 2), "b": floats(3)},
        19,
    ),
    "col2im": Kind(
        "g (float[n,8,9] x) => (float[n,c,h,w] y) { y = Col2Im<strides=[2,2]>(x, i, b) }",
        {"x": floats(2, 8, 9)},
        {"i": whole(6, 6), "b": whole(2, 2)},
        18,
    ),
    "convint": Kind(
        "g (uint8[n,2,6,6] x) => (int32[n,c,h,w] y) { y = ConvInteger<pads=[1,1,1,1]>(x, w, z) }",
        {"x": BYTES},
        {"w": KERNEL, "z": np.uint8(3)},
        10,
    ),
    "qconv": Kind(
        "g (uint8[n,2,6,6] x) => (uint8[n,c,h,w] y) { y = "
        "QLinearConv<pads=[1,1,1,1]>(x, s, z, w, s2, z2, s3, z3) }",
        {"x": BYTES},
        {"w": KERNEL, **SCALES},
        10,
    ),
    "matint": Kind(
        "g (uint8[n,4] x) => (int32[n,3] y) { y = MatMulInteger(x, w, z) }",
        {"x": BYTES[0, 0, :2, :4]},
        {"w": MATRIX, "z": np.uint8(3)},
        10,
    ),
    "qmat": Kind(
        "g (uint8[n,4] x) => (uint8[n,3] y) { y = QLinearMatMul(x, s, z, w, s2, z2, s3, z3) }",
        {"x": BYTES[0, 0, :2, :4]},
        {"w": MATRIX, **SCALES},
        10,
    ),
    "dynq": Kind(
        "g (float[n,2,6,6] x) => (uint8[n,2,6,6] y, float s, uint8 z) { y, s, z "
        "= DynamicQuantizeLinear(x) }",
        X,
        opset=11,
    ),
    "rev": Kind(
        "g (float[n,5,4] x) => (float[n,5,4] y) { y = "
        "ReverseSequence<batch_axis=0,time_axis=1>(x, l) }",
        {"x": floats(2, 5, 4)},
        {"l": whole(3, 5)},
        10,
        (2, 5, 4),
    ),
    "pad_axes": Kind(
        'g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = Pad<mode="edge">(x, p, , a) }',
        X,
        {"p": whole(1, 2, 0, 1), "a": whole(-1, 2)},
        18,
    ),
    "pad_wrap": Kind(
        'g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = Pad<mode="wrap">(x, p) }',
        X,
        {"p": whole(0, 0, 2, 1, 0, 0, 1, 2)},
        19,
    ),
    "block_q": Kind(
        "g (float[n,4,6] x) => (float[n,4,6] y) { q = "
        "QuantizeLinear<axis=2,block_size=3>(x, s, z) y = "
        "DequantizeLinear<axis=2,block_size=3>(q, s, z) }",
        {"x": floats(1, 4, 6)},
        {"s": abs(floats(1, 4, 2)) + 0.05, "z": np.zeros((1, 4, 2), np.uint8)},
        21,
    ),
    "unpool": Kind(
        "g (float[n,2,3,3] x) => (float[n,2,6,6] y) { y = "
        "MaxUnpool<kernel_shape=[2,2],strides=[2,2]>(x, i) }",
        {"x": floats(1, 2, 3, 3)},
        {"i": np.arange(18).reshape(1, 2, 3, 3) * 4 + np.array([0, 1, 0])},
        11,
    ),
    "affine": Kind(
        "g (float[n,2,3] t) => (float[n,4,5,2] y) { y = AffineGrid<align_corners=1>(t, z) }",
        {"t": floats(1, 2, 3)},
        {"z": whole(1, 2, 4, 5)},
        20,
    ),
    "crop": Kind(
        "g (float[n,2,6,6] x) => (float[n,c,h,w] y) { y = CenterCropPad<axes=[2,3]>(x, z) }",
        X,
        {"z": whole(4, 9)},
        18,
    ),
    "dft17": Kind(
        "g (float[n,8,2] x) => (float[n,8,2] y) { y = DFT<axis=1>(x) }",
        {"x": floats(2, 8, 2)},
        opset=17,
    ),
    "dft20": Kind(
        "g (float[n,8,2] x) => (float[n,8,2] y) { y = DFT<inverse=1>(x, , a) }",
        {"x": floats(2, 8, 2)},
        {"a": np.int64(1)},
        20,
    ),
    "nms": Kind(
        "g (float[1,6,4] b, float[1,2,6] s) => (int64[k,3] y) { y = "
        "NonMaxSuppression<center_point_box=1>(b, s, m, t) }",
        {"b": abs(floats(1, 6, 4)) + 0.2, "s": floats(1, 2, 6)},
        {"m": np.array([2]), "t": np.array([0.5], np.float32)},
        10,
    ),
    "det": Kind(
        "g (float[n,3,3] x) => (float[n] y) { y = Det(x) }", {"x": floats(2, 3, 3)}, opset=11
    ),
    "thres": Kind(
        "g (float[n,3] x) => (float[n,3] y) { y = ThresholdedRelu<alpha=0.3>(x) }",
        {"x": floats(2, 3)},
        opset=10,
    ),
    "tensorscatter": Kind(
        "g (float[n,2,4,3] x, float[n,2,1,3] u) => (float[n,2,4,3] y) { y = "
        "TensorScatter(x, u, i) }",
        {"x": floats(1, 2, 4, 3), "u": floats(1, 2, 1, 3)},
        {"i": whole(2)},
        24,
    ),
    "mvn": Kind(
        "g (float[1,2,6,6] x) => (float[1,2,6,6] y) { y = "
        "MeanVarianceNormalization<axes=[0,2,3]>(x) }",
        {"x": floats(1, 2, 6, 6)},
        opset=9,
    ),
    "convt": Kind(
        "g (float[n,2,6,6] x) => (float[n,3,h,w] y) { y = "
        "ConvTranspose<output_shape=[13,12],strides=[2,2]>(x, w) }",
        X,
        {"w": floats(2, 3, 3, 3)},
        11,
    ),
    "onehot": Kind(
        "g (int64[n,3] x) => (float[n,3,4] y) { y = OneHot(x, d, v) }",
        {"x": np.array([[0, -1, 3], [5, 2, 1]])},
        {"d": np.array([4]), "v": np.array([0.5, 2], np.float32)},
        11,
    ),
    "lpnorm": Kind(
        "g (float[n,3,4] x) => (float[n,3,4] y) { y = LpNormalization<p=1,axis=1>(x) }",
        {"x": floats(2, 3, 4)},
        opset=12,
    ),
    "cumsum": Kind(
        "g (float[n,3,4] x) => (float[n,3,4] y) { y = CumSum<exclusive=1,reverse=1>(x, a) }",
        {"x": floats(2, 3, 4)},
        {"a": np.array(-1)},
        14,
    ),
    "argmax": Kind(
        "g (float[n,3,4] x) => (int64[n,3] y) { y = "
        "ArgMax<axis=-1,keepdims=0,select_last_index=1>(x) }",
        {"x": np.round(floats(2, 3, 4))},
        opset=12,
    ),
    "scatnd": Kind(
        'g (float[1,3,4] x) => (float[1,3,4] y) { y = ScatterND<reduction="mul">(x, i, u) }',
        {"x": floats(1, 3, 4)},
        {"i": np.array([[0, 1], [0, 1]]), "u": floats(2, 4)},
        16,
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_it_computes_what_onnx_runtime_computes(name, tmp_path):
    KINDS[name].check(tmp_path)
