"""LSTM, GRU and RNN with all of their attributes, against ONNX Runtime."""

import numpy as np
import pytest

from archloom.errors import FormatError
from import_suite.kinds import Kind, floats, run

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def network(op, attributes="", inputs="", directions=1, batch=3, **constants):
    """Return a recurrence over 6 steps of 4 features with 5 units."""
    gates = GATES[op] * 5
    states = ", c" if op == "LSTM" else ""
    n = batch if constants.keys() & {"h0", "l"} else "n"  # these hold for one batch size
    kind = "".join(f", float[a,{n},5] {name}" for name in ("h", *states[2:]))
    weights = {
        "w": floats(directions, gates, 4),
        "r": floats(directions, gates, 5),
        "b": floats(directions, 2 * gates),
    }
    text = f"""g (float[6,{n},4] x) => (float[6,{directions},{n},5] y{kind}) {{
        y, h{states} = {op}<hidden_size=5{attributes}>(x, w, r, b{inputs}) }}"""
    return Kind(text, {"x": floats(6, batch, 4)}, {**weights, **constants}, 14)


H, C = floats(1, 3, 5, seed=5), floats(1, 3, 5, seed=6)
KINDS = {
    "lstm": network("LSTM"),
    "hard_sigmoid": network(
        "LSTM",
        ', activations=["HardSigmoid", "Tanh", "Softsign"], activation_alpha=[0.3], '
        "activation_beta=[0.4]",
    ),
    "both_ways": network(
        "LSTM",
        ', direction="bidirectional", activations=["Sigmoid", "LeakyRelu", "Tanh", "HardSigmoid", '
        '"Elu", "ScaledTanh"], activation_alpha=[0.1, 0.25, 0.7, 1.1], activation_beta=[0.45, 0.9]',
        directions=2,
    ),
    "clip": network("LSTM", ", clip=0.3"),
    "input_forget": network("LSTM", ", input_forget=1"),
    "peepholes": network("LSTM", "", ", , , , p", p=floats(1, 15)),
    "states": network("LSTM", "", ", , h0, c0", h0=H, c0=C),
    "lengths": network("LSTM", "", ", l", l=np.array([6, 2, 4], np.int32)),
    "lengths_back": network("GRU", ', direction="reverse"', ", l", l=np.array([6, 2, 4], np.int32)),
    "gru": network("GRU", ', activations=["HardSigmoid", "Relu"]'),
    "gru_linear": network("GRU", ", linear_before_reset=1, clip=0.4"),
    "gru_both_ways": network("GRU", ', direction="bidirectional"', directions=2),
    "rnn": network("RNN", ', activations=["Relu"], clip=0.5'),
    "rnn_affine": network(
        "RNN", ', activations=["Affine"], activation_alpha=[0.3], activation_beta=[0.1]'
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_it_computes_what_onnx_runtime_computes(name, tmp_path):
    KINDS[name].check(tmp_path)


def test_the_batch_may_be_first(tmp_path):
    plain = network("LSTM", "", ", , h0, c0", h0=H, c0=C)
    turned = Kind(
        plain.text.replace("hidden_size=5", "hidden_size=5, layout=1")
        .replace("float[6,3,4]", "float[3,6,4]")
        .replace("float[6,1,3,5]", "float[3,6,1,5]"),
        {"x": plain.feeds["x"].swapaxes(0, 1).copy()},
        {**plain.constants, "h0": H.swapaxes(0, 1), "c0": C.swapaxes(0, 1)},
        14,
    )
    y, h, c = run(plain.read(tmp_path), plain.feeds)
    found = run(turned.read(tmp_path), turned.feeds)
    wanted = (y.transpose(2, 0, 1, 3), h.swapaxes(0, 1), c.swapaxes(0, 1))
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_an_unknown_activation_is_refused_by_name(tmp_path):
    with pytest.raises(FormatError, match="activation 'Swish' of LSTM is not known"):
        network("LSTM", ', activations=["Swish", "Tanh", "Tanh"]').read(tmp_path)
