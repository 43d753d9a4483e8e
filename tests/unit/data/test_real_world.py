"""Results of timm's architectures and their graphs."""

import numpy as np
import pytest

from archloom.data.real_world import (
    name_family,
    real_world_graphs,
    real_world_results,
    trained_alone,
)
from archloom.errors import DataError
from archloom.graph import check, flops, parameters


@pytest.fixture(scope="module")
def results(data_folder):
    return real_world_results()


def test_results_of_all_architectures_with_a_graph(results):
    assert (len(results), len(set(results.architectures))) == (1034, 564)
    assert results.values.keys() == results.metrics.keys()
    for column in results.values.values():
        assert 0 < np.nanmin(column) < np.nanmax(column) < 1
    row = results.recipes.index("gluon_in1k")
    assert results.alone[row]
    assert 100 < len(set(results.families)) < 200


def test_one_row_per_architecture_has_the_image_size_of_its_graph(results):
    each = results.one_each()
    assert len(each) == len(set(each.architectures)) == 564
    assert (each.sizes == each.graph_sizes).all()
    rows = [i for i, name in enumerate(results.architectures) if name == "resnet50"]
    (row,) = (i for i, name in enumerate(each.architectures) if name == "resnet50")
    fitting = [i for i in rows if results.sizes[i] == each.graph_sizes[row]]
    first = results.values["imagenet_top1"][fitting[0]]
    assert len(fitting) > 1
    assert each.values["imagenet_top1"][row] == first
    alone = results.take(np.flatnonzero(results.alone)).one_each()
    assert len(set(alone.architectures)) == len(alone) == 555
    assert alone.alone.all()


def test_graphs_are_those_of_the_names(results):
    """Plain ones have PyTorch's parameters."""
    names = ["dpn68b", "convnext_tiny", "dla34", "darknet53", "cspresnet50", "convnext_tiny"]
    graphs = real_world_graphs(names)
    assert [graph.name for graph in graphs] == names
    params = dict(zip(results.architectures, results.parameters, strict=True))
    for graph in graphs:
        check(graph)
        assert parameters(graph) == params[graph.name]
    with pytest.raises(DataError, match="has no resnet51: use names of"):
        real_world_graphs(["resnet50", "resnet51"])


def test_multiply_adds_agree_with_those_of_timm(results, data_folder):
    """Theirs count a few other operations too; of ConvMixer they have fewer than it does."""
    import pandas as pd

    published = pd.read_parquet(data_folder / "timm_results" / "macs.parquet")
    published = published.set_index(["model", "img_size"])["gmacs"]
    each = results.one_each()
    size = dict(zip(each.architectures, each.graph_sizes.tolist(), strict=True))
    names = [name for name in sorted(size)[:60] if not name.startswith("convmixer")]
    graphs = real_world_graphs(names)
    listed = np.array([published[graph.name, size[graph.name]] for graph in graphs])
    ours = np.array([flops(graph, "mac") / 2e9 for graph in graphs])
    assert (ours < 1.002 * listed + 0.005).all()
    assert (ours > 0.97 * listed - 0.005).all()


@pytest.mark.parametrize(
    ("recipe", "alone"),
    [
        ("in1k", True),
        ("a1_in1k", True),
        ("sail_in1k_384", True),
        ("mae_in1k_ft_in1k", True),
        ("fb_in22k_ft_in1k", False),
        ("fb_dist_in1k", False),
        ("ns_jft_in1k", False),
        ("clip_laion2b_augreg_ft_in1k", False),
        ("ssld_stage2_ft_in1k", False),
        ("augreg_in21k", False),
    ],
)
def test_recipes_without_other_images_and_teachers(recipe, alone):
    assert trained_alone(recipe) == alone


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("resnet50", "resnet"),
        ("resnet50d", "resnet"),
        ("resnet26t", "resnet"),
        ("resnetv2_50d_gn", "resnetv2"),
        ("seresnext26ts", "seresnext"),
        ("res2net50_26w_4s", "res2net"),
        ("halo2botnet50ts_256", "halo2botnet"),
        ("cs3darknet_focus_m", "cs3darknet_focus"),
        ("dla102x2", "dla"),
        ("dla46_c", "dla"),
        ("tf_efficientnet_b0", "efficientnet"),
        ("efficientnet_b3_pruned", "efficientnet"),
        ("efficientnetv2_rw_s", "efficientnetv2_rw"),
        ("mobilenetv3_large_150d", "mobilenetv3"),
        ("vit_base_patch16_224", "vit"),
        ("vit_relpos_small_patch16_224", "vit_relpos"),
        ("tiny_vit_21m_224", "tiny_vit"),
        ("swin_s3_tiny_224", "swin"),
        ("convnext_tiny_hnf", "convnext"),
        ("regnetz_040_h", "regnetz"),
        ("eca_nfnet_l1", "eca_nfnet"),
        ("ese_vovnet19b_dw", "ese_vovnet"),
        ("hardcorenas_a", "hardcorenas"),
        ("pnasnet5large", "pnasnet"),
        ("nasnetalarge", "nasnetalarge"),
        ("gcvit_xxtiny", "gcvit"),
        ("test_resnet", "test_resnet"),
    ],
)
def test_family_of_a_name(name, family):
    assert name_family(name) == family
