"""Subnets of supernets compute what an independent supernet computes; files are read strictly."""

import pickle
import struct
import zipfile
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from archloom.errors import ConfigError, DataError, FormatError, GraphError
from archloom.graph import flops, parameters
from archloom.io.exporting.file import to_onnx
from archloom.io.supernet import SUPERNETS, Supernet, archloom_weights
from archloom.spaces import FAMILIES, ofa_resnet
from archloom.spaces.common import Skeleton
from archloom.train.calibration import recalibrate
from reference_models.layers import randomise
from reference_models.supernet import MobileSupernet, ResNetSupernet

MOBILE = Skeleton("32", (32, 32, 3), (8, 8, 16, 16, 24, 32), 8, 2, head=48, classes=7)
SMALL = {
    "ofa_mbv3": MOBILE,
    "ofa_mbv3_w10": MOBILE,
    "ofa_pn": replace(MOBILE, widths=(8, 8, 16, 16, 24, 32, 40)),
    "ofa_resnet": Skeleton("64", (64, 64, 3), (64, 80, 96, 112), 32, 2, classes=7),
}


def reference(family, **changes):
    skeleton = SMALL[family]
    if family == "ofa_resnet":
        model = ResNetSupernet(skeleton.stem, skeleton.widths, skeleton.classes)
    else:
        sizes = (skeleton.stem, skeleton.widths, skeleton.head, skeleton.classes)
        model = MobileSupernet(family != "ofa_pn", *sizes, **changes)
    randomise(model)
    return model.eval()


def run(model, family, architecture, x):
    if family == "ofa_resnet":
        settings = ofa_resnet.parse(architecture)
        return model(x, settings.inner, settings.stem, settings.residual, settings.stages)
    return model(x, FAMILIES[family].parse(architecture))


def architectures(family, count):
    found = FAMILIES[family].architectures(0)
    return [next(found) for _ in range(count)]


@pytest.mark.parametrize("family", SUPERNETS)
def test_subnets_compute_what_the_supernet_computes(family, tmp_path):
    model = reference(family)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "supernet.pth")
    supernet = Supernet.read(tmp_path / "supernet.pth", family, SMALL[family])
    size = SMALL[family].shape[0]
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0)).double()
    for architecture in architectures(family, 4):
        subnet = supernet.subnet(architecture, size).double()
        wanted = run(model.double(), family, architecture, x)
        torch.testing.assert_close(subnet(x), wanted, rtol=1e-4, atol=1e-4)


def test_older_names_and_safetensors_are_read(tmp_path):
    model = reference("ofa_mbv3", old_names=True)
    assert any(".mobile_inverted_conv." in name for name in model.state_dict())
    tensors = {
        name.replace(".bn.bn.", ".bn.").replace(".conv.conv.weight", ".conv.weight"): tensor
        for name, tensor in model.state_dict().items()
    }
    save_file(tensors, tmp_path / "supernet.safetensors")
    supernet = Supernet.read(tmp_path / "supernet.safetensors", "ofa_mbv3", SMALL["ofa_mbv3"])
    (architecture,) = architectures("ofa_mbv3", 1)
    x = torch.randn(1, 3, 32, 32, dtype=torch.float64)
    wanted = run(model.double(), "ofa_mbv3", architecture, x)
    found = supernet.subnet(architecture, 32).double()(x)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("family", "entries", "elements"),
    [("ofa_mbv3", 475, 10_715_752), ("ofa_pn", 446, 7_956_882)],
)
def test_published_supernets_have_these_tensors(family, entries, elements):
    tensors = Supernet.random(family).tensors
    norms = [name for name in tensors if name.endswith("running_mean")]
    learnt = [tensor for name, tensor in tensors.items() if ".running_" not in name]
    assert len(tensors) + len(norms) == entries  # the norms also count their batches
    assert sum(tensor.numel() for tensor in learnt) == elements


@pytest.mark.parametrize(
    ("family", "depth", "block", "elements", "macs"),
    [
        ("ofa_mbv3", 2, "e3k3", 4_602_456, 142_834_656),
        ("ofa_mbv3", 4, "e6k7", 10_701_632, 621_268_416),
        ("ofa_pn", 3, "e4k5", 5_053_864, 358_218_368),
        ("ofa_pn", 4, "e6k7", 7_942_056, 738_741_248),
    ],
)
def test_subnets_have_the_published_size(family, depth, block, elements, macs):
    stages = [",".join([block] * depth)] * 5 + ([block] if family == "ofa_pn" else [])
    subnet = Supernet.random(family).subnet("|".join(stages), 192)
    assert sum(tensor.numel() for tensor in subnet.parameters()) == elements
    assert parameters(subnet.graph) == elements
    assert flops(subnet.graph, "mac") == 2 * macs


def test_a_subnet_does_not_share_memory_with_the_supernet():
    supernet = Supernet.random("ofa_mbv3", skeleton=SMALL["ofa_mbv3"])
    (architecture,) = architectures("ofa_mbv3", 1)
    before = {name: tensor.clone() for name, tensor in supernet.tensors.items()}
    with torch.no_grad():
        for tensor in supernet.subnet(architecture, 32).weights().values():
            tensor.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in supernet.tensors.items())


def test_random_supernets_say_so_and_follow_the_seed():
    first, again, other = (
        Supernet.random("ofa_pn", seed, SMALL["ofa_pn"]).tensors for seed in (0, 0, 1)
    )
    name = "blocks.3.conv.point_linear.conv.weight"
    assert torch.equal(first[name], again[name])
    assert not torch.equal(first[name], other[name])
    assert "random weights" in Supernet.random("ofa_pn", skeleton=SMALL["ofa_pn"]).source


def test_an_onnx_file_of_a_subnet_computes_the_same():
    onnxruntime = pytest.importorskip("onnxruntime")
    supernet = Supernet.random("ofa_mbv3", skeleton=SMALL["ofa_mbv3"])
    (architecture,) = architectures("ofa_mbv3", 1)
    subnet = supernet.subnet(architecture, 32)
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    x *= 0.01  # so dark that the epsilon of the first norms counts
    recalibrate(subnet, [x])
    model = to_onnx(subnet.graph, archloom_weights(subnet, supernet.epsilon))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), subnet(x), rtol=0, atol=1e-2)


def stored(path, change):
    tensors = dict(Supernet.random("ofa_pn", skeleton=SMALL["ofa_pn"]).tensors)
    torch.save(change(tensors), path)
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t | {"first_conv.conv.weight": torch.zeros(3)}, r"weight is \(3,\), \(8, 3"),
        (lambda t: {n: v for n, v in t.items() if "7to5" not in n}, "7to5_matrix is missing"),
        (lambda t: t | {"extra": torch.zeros(1)}, r"extra is \(1,\), nothing is wanted"),
        (lambda t: {"state_dict": {"a": 3}}, "more than named tensors"),
        (lambda t: [1, 2], "more than named tensors"),
    ],
)
def test_incomplete_or_foreign_checkpoints_are_refused(tmp_path, change, words):
    path = stored(tmp_path / "supernet.pth", change)
    with pytest.raises(FormatError, match=words):
        Supernet.read(path, "ofa_pn", SMALL["ofa_pn"])


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("ran",))

    path = tmp_path / "supernet.pth"
    torch.save({"state_dict": Evil()}, path)
    with pytest.raises(FormatError, match="safe to read"):
        Supernet.read(path, "ofa_pn")
    path.write_bytes(pickle.dumps(print, protocol=2))
    with pytest.raises(FormatError, match="safe to read"):
        Supernet.read(path, "ofa_pn")
    path.with_suffix(".safetensors").write_bytes(b"short")
    with pytest.raises(FormatError, match="safe to read"):
        Supernet.read(path.with_suffix(".safetensors"), "ofa_pn")


def test_missing_files_and_wrong_families_are_named(tmp_path):
    with pytest.raises(DataError, match="none.pth"):
        Supernet.read(tmp_path / "none.pth", "ofa_pn")
    with pytest.raises(ConfigError, match="'nb201' has no supernet"):
        Supernet.random("nb201")
    with pytest.raises(GraphError, match="is not a network of"):
        Supernet.random("ofa_pn", skeleton=SMALL["ofa_pn"]).subnet("e3k3", 32)


def spoilt(tensor, how):
    """A tensor with something wrong in it."""
    if how == "meta":
        return tensor.to("meta")
    if how == "sparse":
        return tensor.to_sparse()
    if how == "quantised":
        return torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8)
    if how in ("integer", "complex", "bool"):
        return tensor.to({"integer": torch.int32, "complex": torch.complex64}.get(how, torch.bool))
    tensor = tensor.clone()
    tensor.view(-1)[-1] = {"nan": torch.nan, "inf": torch.inf, "variance": -0.5}[how]
    return tensor


HOWS = ["meta", "sparse", "quantised", "integer", "complex", "bool", "nan", "inf", "variance"]


@pytest.mark.parametrize("how", HOWS)
def test_a_tensor_that_no_network_can_have_is_named(how, tmp_path):
    tensors = dict(Supernet.random("ofa_pn", skeleton=SMALL["ofa_pn"]).tensors)
    name = "first_conv.bn.running_var" if how == "variance" else "classifier.linear.weight"
    torch.save(tensors | {name: spoilt(tensors[name], how)}, tmp_path / "s.pt")
    with pytest.raises(FormatError, match=rf"s\.pt.*tensor {name}"):
        Supernet.read(tmp_path / "s.pt", "ofa_pn", SMALL["ofa_pn"])


def test_a_small_storage_under_a_huge_shape_takes_no_memory(tmp_path):
    tensors = dict(Supernet.random("ofa_pn", skeleton=SMALL["ofa_pn"]).tensors)
    tensors["classifier.linear.bias"] = torch.zeros(1).expand(1 << 50)
    torch.save(tensors, tmp_path / "s.pt")
    with pytest.raises(FormatError, match=r"classifier\.linear\.bias"):
        Supernet.read(tmp_path / "s.pt", "ofa_pn", SMALL["ofa_pn"])


def test_two_spellings_of_one_tensor_are_refused(tmp_path):
    tensors = dict(Supernet.random("ofa_pn", skeleton=SMALL["ofa_pn"]).tensors)
    torch.save(tensors | {"module.first_conv.conv.conv.weight": torch.zeros(1)}, tmp_path / "s.pt")
    with pytest.raises(FormatError, match="first_conv.* twice"):
        Supernet.read(tmp_path / "s.pt", "ofa_pn", SMALL["ofa_pn"])


def test_a_checkpoint_that_would_unpack_to_much_more_is_refused(tmp_path):
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data/0", bytes(1 << 20))
    size = struct.pack("<I", 1 << 20)
    path.write_bytes(path.read_bytes().replace(size, struct.pack("<I", (1 << 30) + 1)))
    with pytest.raises(FormatError, match=r"bomb\.pt would unpack to 1,073,741,825 bytes"):
        Supernet.read(path, "ofa_pn", SMALL["ofa_pn"])
