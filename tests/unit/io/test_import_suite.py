"""Networks of many kinds: imported, run, exported and imported again."""

import numpy as np
import pytest

import archloom as al
from import_suite import convolutional, families, handmade, libraries, tokens, try_import
from import_suite.kinds import sizes

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


UNUSED = {"convnext": 96}  # parameters that its forward does not read


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if hasattr(case, "module")])
def test_parameters_are_those_that_an_optimiser_trains(name):
    module = CASES[name].module()
    wanted = sum(one.numel() for one in module.parameters()) - UNUSED.get(name, 0)
    assert al.parameters(al.from_torch(module, CASES[name].inputs()).graph) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CASES))
def test_written_files_take_the_place_of_the_original(name, tmp_path):
    import onnxruntime

    first, second = tmp_path / "model.onnx", tmp_path / "again.onnx"
    CASES[name].write(first)
    model = al.read_model(first)
    al.write(model.graph, second, model.weights)
    ends = []
    for path in (first, second):
        session = onnxruntime.InferenceSession(path)
        inputs = [(one.name, sizes(one)) for one in session.get_inputs()]
        ends.append((inputs, [one.name for one in session.get_outputs()]))
    assert ends[0] == ends[1]
