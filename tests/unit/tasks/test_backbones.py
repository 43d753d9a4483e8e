import numpy as np
import pytest
import torch
from hypothesis import given, settings

from archloom.errors import GraphError
from archloom.execute.module import to_torch
from archloom.graph import GraphBuilder, check, infer_shapes, output_shapes, parameters
from archloom.io import read_graph
from archloom.spaces import FAMILIES
from archloom.tasks import output_channels, to_classifier, to_pose, to_segmentation
from strategies import networks


def staged(size=224, widths=(4, 8, 16, 32, 64), window="same"):
    """A residual network that halves its maps in every stage, 224 to 7 rows."""
    b = GraphBuilder("staged", family="test")
    x = b.input(size, size, 3)
    for width in widths:
        shortcut = b.conv(b.pool("maxpool", x, 1, 2), width, kernel=1)
        y = b.unary("relu", b.conv(x, width, stride=2, padding=window))
        x = b.unary("relu", b.add([b.unary("batchnorm", b.conv(y, width)), shortcut]))
    b.output(b.matmul(b.unary("mean", x), 10))
    return b.build()


def by_name(graph, name):
    return [node for node in graph.order.tolist() if graph.op_name(node) == name]


def test_the_pose_backbone_ends_with_the_last_map():
    graph = staged()
    pose = to_pose(graph, (256, 192))
    assert output_channels(pose) == (64,)
    assert output_shapes(pose)[pose.sinks].tolist() == [[8, 6, 64]]
    assert not by_name(pose, "mean") and not by_name(pose, "matmul")
    assert pose.name == "staged-pose"


@given(networks())
@settings(max_examples=25)
def test_the_pose_backbone_of_any_network_is_valid_and_computes_the_map(graph):
    maps = (output_shapes(graph)[:, :2] > 1).all(axis=1)
    size = tuple(graph.resolution[graph.sources[0], [0, 2]].tolist())
    pose = to_pose(graph, size)
    check(pose)
    last = next(node for node in graph.order[::-1].tolist() if maps[node])
    np.testing.assert_array_equal(output_shapes(pose)[pose.sinks[0]], output_shapes(graph)[last])
    assert set(pose.ids) - set(graph.ids) == {graph.ids.max() + 1}


def test_backbones_take_over_the_weights_of_the_classifier():
    graph = infer_shapes(staged(), (64, 64, 3))
    classifier = to_torch(graph).eval()
    maps = {}
    last = by_name(graph, "relu")[-1]
    pose = to_pose(graph, (64, 64))
    backbone = to_torch(pose, seed=1, squeeze=False).eval()
    assert backbone.inherit(classifier.weights()) == 1.0
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        maps = backbone(images)
        head = by_name(graph, "matmul")[0]
        weights = classifier.weights()
        key = int(graph.ids[head])
        logits = maps.mean((2, 3)) @ weights[f"{key}.weight"].T + weights[f"{key}.bias"]
        torch.testing.assert_close(logits, classifier(images))
    assert maps.shape == (2, *output_shapes(graph)[last][[2, 0, 1]])


def test_segmentation_dilates_instead_of_shrinking():
    graph = staged()
    backbone = to_segmentation(graph, (224, 224), aux_channels=32)
    assert output_channels(backbone) == (64, 32)
    assert output_shapes(backbone)[backbone.sinks, 0].tolist() == [28, 28]
    shown = [
        (backbone.kernel[node, 0], backbone.stride[node, 0], backbone.dilation[node, 0])
        for node in by_name(backbone, "conv")
        if backbone.resolution[node, 5] in (32, 64)
    ]
    # sizes are those after every change but the stride: stage 4 puts out 14 rows, stage 5 has 7
    assert sorted(shown) == [(1, 1, 1)] * 2 + [(3, 1, 2)] * 2 + [(3, 1, 4)] * 2
    pools = [backbone.stride[node, 0] for node in by_name(backbone, "maxpool")]
    assert sorted(pools) == [1, 1, 2, 2, 2]
    classifier = to_torch(graph)
    assert to_torch(backbone, seed=3, squeeze=False).inherit(classifier.weights()) == 1.0


def test_segmentation_outputs_come_by_falling_channels():
    graph = staged(widths=(4, 8, 16, 64, 32))
    assert output_channels(to_segmentation(graph, (224, 224), aux_channels=64)) == (64, 32)


def test_depthwise_convolutions_follow_the_same_rule():
    b = GraphBuilder("mobile")
    x = b.conv(b.input(224, 224, 3), 8, stride=8)
    x = b.unary("relu", b.conv(b.depthwise(x, stride=2), 16, kernel=1))
    b.output(b.matmul(b.unary("mean", b.unary("relu", b.conv(x, 32, stride=2))), 3))
    backbone = to_segmentation(b.build(), (224, 224))
    assert output_shapes(backbone)[backbone.sinks].tolist() == [[28, 28, 32], [28, 28, 16]]
    assert backbone.dilation[by_name(backbone, "depthwise")].tolist() == [[2, 2]]


def test_padding_of_a_changed_convolution_is_not_done_twice():
    def network(explicit):
        b = GraphBuilder("padded")
        x = b.unary("relu", b.conv(b.input(224, 224, 3), 4, stride=8))
        if explicit:
            y = b.conv(b.pad(x, (1, 1, 1, 1)), 8, stride=2, padding="valid")
        else:
            y = b.conv(x, 8, stride=2)
        b.output(b.matmul(b.unary("mean", b.unary("relu", y)), 3))
        return b.build()

    plain, padded = (
        to_segmentation(network(kind), (224, 224), aux_channels=4) for kind in (False, True)
    )
    assert not by_name(padded, "paddings")
    assert padded.hash == plain.hash


def test_small_outputs_are_padded():
    graph = staged(window="same")
    small = to_segmentation(infer_shapes(graph, (224, 224, 3)), (231, 231), aux_channels=32)
    assert output_shapes(small)[small.sinks, 0].tolist() == [29, 29]
    b = GraphBuilder("valid")
    x = b.conv(b.input(224, 224, 3), 8, kernel=7, stride=2, padding="valid")
    x = b.unary("relu", b.conv(x, 8, stride=2, padding="valid"))
    x = b.unary("relu", b.conv(x, 16, stride=2, padding="valid"))
    b.output(b.matmul(b.unary("mean", x), 3))
    backbone = to_segmentation(b.build(), (225, 225), aux_channels=8)
    assert output_shapes(backbone)[backbone.sinks, 0].tolist() == [28, 54]
    assert len(by_name(backbone, "paddings")) == 1


def test_the_classifier_has_no_padding_nodes():
    b = GraphBuilder("padded")
    x = b.conv(b.pad(b.input(8, 8, 3), (1, 1, 1, 1)), 4)
    b.output(b.matmul(b.unary("mean", x), 3))
    plain = to_classifier(b.build())
    assert not by_name(plain, "paddings")
    assert output_shapes(plain)[plain.sinks].tolist() == [[1, 1, 3]]
    assert to_classifier(plain).hash == plain.hash


def test_a_classifier_runs_at_another_size():
    graph = FAMILIES["nb201"].sample(1, 0)[0]
    larger = to_classifier(graph, (64, 48))
    assert parameters(larger) == parameters(graph)
    assert larger.resolution[larger.sources].tolist() == [[64, 64, 48, 48, 3, 3]]


def test_what_cannot_be_converted_is_explained():
    b = GraphBuilder("dot")
    b.output(b.matmul(b.unary("mean", b.input(1, 1, 3)), 2))
    with pytest.raises(GraphError, match="no feature map larger than 1x1"):
        to_pose(b.build())
    with pytest.raises(GraphError, match="no tanh node of 32 channels.*none at all"):
        to_segmentation(staged(), aux_op="tanh")
    with pytest.raises(GraphError, match="relu nodes have 4, 8, 16, 32, 64: choose"):
        to_segmentation(staged(), aux_channels=7)


# --- the networks of the paper -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resnet50", "resnet50_autogo1", "resnet50_autogo2"])
def test_backbones_of_the_released_resnets(data_folder, name):
    graph = read_graph(data_folder / "autogo_cgs" / f"{name}.json")
    pose, segmentation = to_pose(graph), to_segmentation(graph)
    assert output_shapes(pose)[pose.sinks].tolist() == [[8, 8, 2048]]
    assert output_shapes(segmentation)[segmentation.sinks].tolist() == [
        [90, 90, 2048],
        [90, 90, 1024],
    ]
    assert to_classifier(graph).hash == graph.hash


def test_backbones_of_the_released_vggs(data_folder):
    graph = read_graph(data_folder / "autogo_cgs" / "vgg16_bn.json")
    assert output_channels(to_pose(graph)) == (512,)
    backbone = to_segmentation(graph, aux_op="maxpool")
    assert output_shapes(backbone)[backbone.sinks].tolist() == [[89, 89, 512], [89, 89, 256]]
