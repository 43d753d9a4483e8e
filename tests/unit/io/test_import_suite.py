"""Networks of many kinds: imported, run, exported and imported again."""

import numpy as np
import pytest

from import_suite import convolutional, families, handmade, libraries, tokens, try_import

CASES = {
    **convolutional.CASES,
    **tokens.CASES,
    **handmade.CASES,
    **families.CASES,
    **libraries.CASES,
}
FAST = (
    "resnet18 mobilenet_v3_opset11 shufflenet googlenet unet_bilinear retinanet group_norm "
    "wave yolo vit vit_opset11 vit_fixed swin bert crnn two_towers"
).split()
WHOLE = "resnet50 mobilenet_v3 densenet efficientnet squeezenet".split()


def check_case(name: str, tmp_path) -> None:
    path = tmp_path / "model.onnx"
    outcome = try_import(path, CASES[name].write(path))
    assert max(outcome.run_error, outcome.export_error) < 1e-3
    assert outcome.again.hash == outcome.model.graph.hash
    if name in WHOLE:
        assert not outcome.model.graph.is_fixed.any()


@pytest.mark.parametrize("name", [*FAST, *handmade.CASES])
def test_import_run_export_import(name, tmp_path):
    check_case(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name not in FAST])
def test_the_whole_suite(name, tmp_path):
    check_case(name, tmp_path)


def test_what_the_vocabulary_says_is_not_fixed(tmp_path):
    path = tmp_path / "model.onnx"
    CASES["resnet18"].write(path)
    graph = try_import(path, CASES["resnet18"].inputs()).model.graph
    assert not graph.is_fixed.any()
    names = [graph.op_name(node) for node in range(graph.n_nodes)]
    assert {"conv", "relu", "add", "maxpool", "mean", "matmul"} <= set(names)
    windows = graph.kernel[:, 0] == 3
    assert np.isin(graph.padding[windows], (2, 3)).all()  # SAME where it says the same
