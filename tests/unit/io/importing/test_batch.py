"""Which axis of an input is the batch, and networks that have none."""

import numpy as np
import pytest

import archloom as al
from archloom.errors import FormatError
from import_suite.kinds import Kind, floats, run, whole

TOKENS = {"w": floats(8, 8), "v": floats(8, 4)}
ATTENTION = """g (float[{n},6,8] x) => (float[{n},6,4] y) {{
    r = Transpose<perm=[1,0,2]>(x)
    f = Reshape(r, rows)
    d = MatMul(f, w)
    h = Reshape(d, heads)
    t = Transpose<perm=[1,0,2]>(h)
    u = Transpose<perm=[0,2,1]>(t)
    s = MatMul(t, u)
    p = Softmax<axis=-1>(s)
    a = MatMul(p, t)
    b = Transpose<perm=[1,0,2]>(a)
    c = Reshape(b, rows)
    e = MatMul(c, v)
    z = Reshape(e, back)
    y = Transpose<perm=[1,0,2]>(z)
}}"""


def attention(batch):
    """Return attention of two heads, tokens first inside, exported for one batch size."""
    sizes = {
        "rows": whole(6 * batch, 8),
        "heads": whole(6, batch * 2, 4),
        "back": whole(6, batch, 4),
    }
    return Kind(ATTENTION.format(n=batch), {"x": floats(batch, 6, 8)}, {**TOKENS, **sizes}, 13)


LSTM = {"w": floats(1, 20, 4), "r": floats(1, 20, 5)}
STEPS = "y = LSTM<hidden_size=5>(x, w, r)"

OPEN = {
    "two attentions": attention(2),
    "three attentions": attention(3),
    "one attention": attention(1),
    "time first": Kind(
        f"g (float[6,n,4] x) => (float[6,1,n,5] y) {{ {STEPS} }}", {"x": floats(6, 2, 4)}, LSTM, 14
    ),
    "a scalar factor": Kind(
        "g (float[n,3] x, float rate) => (float[n,3] y) { y = Mul(x, rate) }",
        {"x": floats(2, 3), "rate": np.array(0.3, np.float32)},
    ),
    "a state": Kind(
        "g (float[n,4] x, float[2,1,4] s) => (float[n,4] y, float[2,1,4] t) "
        "{ h = Gather<axis=0>(s, i) y = Add(x, h) t = Tanh(s) }",
        {"x": floats(3, 4), "s": floats(2, 1, 4)},
        {"i": np.array(1)},
    ),
    "squeeze without axes": Kind(
        "g (float[n,6,4,4] x) => (float[n,6] y) { p = GlobalAveragePool(x) y = Squeeze(p) }",
        {"x": floats(3, 6, 4, 4)},
    ),
    "turned output": Kind(
        "g (float[n,3,4] x) => (float[4,n,3] y) { y = Transpose<perm=[2,0,1]>(x) }",
        {"x": floats(2, 3, 4)},
    ),
    "rows of a batch": Kind(
        "g (float[n,3,4] x) => (float[m,4] y) { y = Reshape(x, s) }",
        {"x": floats(2, 3, 4)},
        {"s": whole(-1, 4)},
    ),
    "similarities": Kind(
        "g (float[n,4] x) => (float[n,n] y) { t = Transpose<perm=[1,0]>(x) y = MatMul(x, t) }",
        {"x": floats(3, 4)},
    ),
    "flattened batch": Kind(
        "g (float[n,3,4] x) => (float[1,m] y) { y = Flatten<axis=0>(x) }", {"x": floats(2, 3, 4)}
    ),
    "a loss": Kind(
        "g (float[n,3] x) => (float y) { y = ReduceMean<keepdims=0>(x) }", {"x": floats(2, 3)}
    ),
    "vectors": Kind(
        "g (float[n,3] x) => (float[n,3] y, float[n,3] z) { a = Gemm(x, w) y = Add(a, x) "
        "b = Concat<axis=1>(y, x) z = Gemm(b, v) }",
        {"x": floats(2, 3)},
        {"w": floats(3, 3), "v": floats(6, 3)},
    ),
    "vectors and pixels": Kind(
        "g (float[n,3,4,4] x, float[n,3] s) => (float[n,3,4,4] y, float[n,3] z) "
        "{ p = GlobalAveragePool(x) f = Flatten(p) z = Add(f, s) g = Unsqueeze(z, a) "
        "y = Mul(x, g) }",
        {"x": floats(2, 3, 4, 4), "s": floats(2, 3)},
        {"a": whole(2, 3)},
    ),
}  # fmt: skip

ALONE = {
    "an image": Kind(
        "g (float[3,8,8] x) => (float[4,6,6] y) { u = Unsqueeze(x, z) c = Conv(u, w) "
        "y = Squeeze(c, z) }",
        {"x": floats(3, 8, 8)},
        {"w": floats(4, 3, 3, 3), "z": whole(0)},
    ),
    "a vector": Kind(
        "g (float[8] x) => (float[4] y) { y = MatMul(x, w) }",
        {"x": floats(8)},
        {"w": floats(8, 4)},
    ),
    "time first": Kind(
        f"g (float[6,2,4] x) => (float[6,1,2,5] y) {{ {STEPS} }}", {"x": floats(6, 2, 4)}, LSTM, 14
    ),
    "mean over time": Kind(
        "g (float[6,2,4] x) => (float[2,4] y) { y = ReduceMean<keepdims=0>(x, a) }",
        {"x": floats(6, 2, 4)},
        {"a": whole(0)},
    ),
    "softmax over rows": Kind(
        "g (float[6,4] x) => (float[6,4] y) { y = Softmax<axis=0>(x) }", {"x": floats(6, 4)}
    ),
    "running sum": Kind(
        "g (float[6,4] x) => (float[6,4] y) { y = CumSum(x, a) }",
        {"x": floats(6, 4)},
        {"a": np.array(0)},
    ),
    "turned around": Kind(
        "g (float[6,4] x) => (float[6,4] y) { y = Slice(x, s, e, a, t) }",
        {"x": floats(6, 4)},
        {"s": whole(-1), "e": whole(-99), "a": whole(0), "t": whole(-1)},
    ),
    "two matrices": Kind(
        "g (float[3,4] x, float[5,4] z) => (float[3,5] y) { t = Transpose<perm=[1,0]>(z) "
        "y = MatMul(x, t) }",
        {"x": floats(3, 4), "z": floats(5, 4)},
    ),
    "all pixels as one": Kind(
        "g (float[3,4,4] x) => (float y) { r = Relu(x) y = ReduceMax<keepdims=0>(r) }",
        {"x": floats(3, 4, 4)},
    ),
    "squeezed channels": Kind(
        "g (float[1,3,4,4] x) => (float[3] y) { p = GlobalAveragePool(x) y = Squeeze(p) }",
        {"x": floats(1, 3, 4, 4)},
    ),
}


@pytest.mark.parametrize("name", OPEN)
def test_the_batch_is_found(name, tmp_path):
    model = OPEN[name].check(tmp_path)
    assert not any("no axis" in note for note in model.notes)


@pytest.mark.parametrize("name", ALONE)
def test_sizes_that_are_no_batch_stay(name, tmp_path):
    model = ALONE[name].check(tmp_path)
    assert any("no axis of an input" in note or "batches of one" in note for note in model.notes)


def test_a_batch_that_was_fixed_is_open_in_the_graph(tmp_path):
    kind = attention(2)
    model = kind.read(tmp_path)
    five = {"x": floats(5, 6, 8)}
    one_by_one = [run(model, {"x": five["x"][i : i + 1]})[0] for i in range(5)]
    np.testing.assert_allclose(run(model, five)[0], np.concatenate(one_by_one), atol=1e-5)


def test_rows_whose_order_is_lost_are_read_as_they_are(tmp_path):
    """Two rows of a batch, inside and outside of other rows, are joined and taken apart again."""
    text = """g (float[1,6,8] x) => (float[6,1,8] y) {
        t = Transpose<perm=[1,0,2]>(x) a = Reshape(t, rows) b = Reshape(x, rows) c = Add(a, b)
        y = Reshape(c, back) }"""
    constants = {"rows": whole(6, 8), "back": whole(6, 1, 8)}
    Kind(text, {"x": floats(1, 6, 8)}, constants, 13).check(tmp_path)


def test_sizes_that_are_given_are_kept_where_they_are_no_batch(tmp_path):
    text = "g (float[t,n,4] x) => (float[n,4] y) { y = ReduceSum<keepdims=0>(x, a) }"
    kind = Kind(text, {"x": floats(6, 2, 4)}, {"a": whole(0)}, shape=[6, 2, 4])
    kind.check(tmp_path)
    with pytest.raises(FormatError, match="sizes other than the batch"):
        Kind(text, kind.feeds, kind.constants).read(tmp_path)


@pytest.mark.parametrize("shape", [(6, 2.5, 4), "abc", {"x": 3}, 7])
def test_what_is_no_shape_is_refused(shape, tmp_path):
    kind = Kind("g (float[n,3,a] x) => (float[n,3,a] y) { y = Relu(x) }", {}, shape=shape)
    with pytest.raises(FormatError, match="no list of whole numbers|is no input"):
        kind.read(tmp_path)


def test_names_survive_what_archloom_calls_its_own(tmp_path):
    text = """g (float[n,3,8,8] relu_1, float[n,4] images) =>
        (float[n,3,8,8] conv_2, float[n,4] input)
        { conv_2 = Relu(relu_1) input = Tanh(images) }"""
    feeds = {"relu_1": floats(2, 3, 8, 8), "images": floats(2, 4)}
    model = Kind(text, feeds).check(tmp_path)
    assert [end.name for end in model.graph.ends] == ["relu_1", "images", "conv_2", "input"]
    al.write(model.graph, tmp_path / "g.json")
    assert al.read(tmp_path / "g.json").ends == model.graph.ends
