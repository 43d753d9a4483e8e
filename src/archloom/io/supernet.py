"""Subnets with the weights of a Once-for-All supernet (AutoBuild spec 6.4).

The file is the checkpoint as published: a state dict, alone or under ``state_dict``, as PyTorch
writes it (read without running anything) or as safetensors. Its names may be the older ones
(``mobile_inverted_conv``) and double their last part or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from archloom.errors import ConfigError, FormatError
from archloom.execute import NORM_EPSILON
from archloom.execute.module import GraphModule, to_torch
from archloom.files import reader, reading
from archloom.graph import Graph
from archloom.io.unpacking import check_unpacked
from archloom.spaces import FAMILIES, ofa_resnet
from archloom.spaces.common import Skeleton
from archloom.spaces.ofa_mobile import EXPANSIONS, KERNELS, MobileSpace

RESOLUTION = 224
SUPERNETS = ("ofa_mbv3", "ofa_mbv3_w10", "ofa_pn", "ofa_resnet")
"""Families that have a supernet."""

_EPSILON = {"ofa_pn": 1e-3}
_USUAL_EPSILON = 1e-5
_NORM = {"weight": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}
"""Tensors of a batch norm: our name, the supernets' name."""
_SPELLINGS = (
    (re.compile(r"^module\."), ""),
    (re.compile(r"\.mobile_inverted_conv\."), ".conv."),
    (re.compile(r"(\.conv|\.bn|\.linear)\1+\."), r"\1."),
)


@dataclass(frozen=True, eq=False)
class Supernet:
    """Weights of all networks of a family.

    tensors  : by their names in the checkpoint, without doubled parts
    skeleton : of its networks
    source   : where the weights come from, in words
    """

    family: str
    tensors: Mapping[str, Tensor]
    skeleton: Skeleton
    source: str

    @classmethod
    @reader("supernet", "get it again")
    def read(cls, path: str | Path, family: str, skeleton: Skeleton | None = None) -> Supernet:
        """Read a checkpoint of a family; ``skeleton`` is the published one where none is given.

        Raises ``ConfigError`` for a family without supernet, ``DataError`` for a missing file and
        ``FormatError`` for one that is no complete checkpoint of this family.
        """
        skeleton = skeleton or published_skeleton(family)
        found: dict[str, Tensor] = {}
        for name, tensor in _state_dict(Path(path)).items():
            if not name.endswith("num_batches_tracked"):
                if found.setdefault(_spelling(name), tensor) is not tensor:
                    raise _unusable(path, name, "is there twice, under two spellings of its name")
        wanted = _shapes(family, skeleton)
        for name in sorted(wanted.keys() | found.keys()):
            shape = tuple(found[name].shape) if name in found else None
            if shape != wanted.get(name):
                raise FormatError(
                    f"{path} is no supernet of {family}: tensor {name} is "
                    f"{shape or 'missing'}, {wanted.get(name) or 'nothing'} is wanted. Give the "
                    "checkpoint of this family, or name the family that it belongs to."
                )
        for name, tensor in found.items():
            _check_tensor(path, name, tensor)
        return cls(family, found, skeleton, f"supernet {Path(path).name}")

    @classmethod
    def random(cls, family: str, seed: int = 0, skeleton: Skeleton | None = None) -> Supernet:
        """Return a supernet that has learnt nothing: he-uniform weights, identities between the
        kernel sizes.
        """
        skeleton = skeleton or published_skeleton(family)
        graph = _build(family, _largest(family), skeleton)
        own = to_torch(graph, seed=seed).weights()
        names = _node_names(graph, family, _largest(family))
        tensors = {name: own[key] for key, name in _tensor_names(graph, names)}
        tensors |= {
            name: torch.eye(shape[0])
            for name, shape in _shapes(family, skeleton).items()
            if name.endswith("_matrix")
        }
        return cls(family, tensors, skeleton, f"random weights, seed {seed}")

    @property
    def epsilon(self) -> float:
        """What the batch norms of the family add to variances."""
        return _EPSILON.get(self.family, _USUAL_EPSILON)

    def subnet(self, architecture: str, resolution: int = RESOLUTION) -> GraphModule:
        """Return a network in evaluation mode, with copies of its part of the weights; its batch
        norms want ``archloom.train.calibration``.

        resolution : height and width of the input in pixels

        Raises ``GraphError`` for an architecture outside the family.
        """
        graph = _build(self.family, architecture, self.skeleton.resized(resolution))
        module = to_torch(graph, norm_epsilon=self.epsilon)
        own = module.weights()
        names = _node_names(graph, self.family, architecture)
        module.load(
            {key: self._part(name, own[key].shape) for key, name in _tensor_names(graph, names)}
        )
        return module.eval()

    def _part(self, name: str, shape: Sequence[int]) -> Tensor:
        """Return the part of a tensor that a subnet has: a kernel's centre, the first channels."""
        tensor = self.tensors[name]
        if tensor.dim() == 4:
            tensor = self._kernel(name, tensor, shape[-1])
        return tensor[tuple(slice(size) for size in shape)]

    def _kernel(self, name: str, tensor: Tensor, size: int) -> Tensor:
        """Return (C, 1, size, size): step by step the centre of the next larger kernel, mapped by
        the matrix that was learnt for it.
        """
        while (larger := tensor.shape[-1]) > size:
            matrix = self.tensors[name.removesuffix("weight") + f"{larger}to{larger - 2}_matrix"]
            centre = tensor[:, :, 1:-1, 1:-1]
            tensor = (centre.flatten(2) @ matrix.T).view_as(centre)
        return tensor


def archloom_weights(module: GraphModule, epsilon: float) -> dict[str, Tensor]:
    """Return the weights of a network whose batch norms have another ``epsilon`` for one that has
    archloom's, as files assume; both compute the same in evaluation mode. Shapes stay: what changes
    are the scales (C,) of the batch norms.
    """
    weights = module.weights()
    graph = module.graph
    for node in range(graph.n_nodes):
        if graph.op_name(node) == "batchnorm":
            key = f"{int(graph.ids[node])}."
            ratio = (weights[key + "var"] + NORM_EPSILON) / (weights[key + "var"] + epsilon)
            weights[key + "weight"] = weights[key + "weight"] * ratio.sqrt()
    return weights


def _state_dict(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint under their own names."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with reading(path):
        try:
            if path.suffix == ".safetensors":
                content: Any = load_file(path)
            else:
                check_unpacked(path)
                content = torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, FormatError):
            raise
        except (SafetensorError, RuntimeError, ValueError, EOFError, KeyError) as error:
            raise _foreign(path, str(error)) from error
        except Exception as error:  # the reader of restricted pickles has errors of many kinds
            raise _foreign(path, f"{type(error).__name__}: {error}") from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in content.items()
    ):
        raise _foreign(path, "it holds more than named tensors")
    return content


def _check_tensor(path: str | Path, name: str, tensor: Tensor) -> None:
    """Raise ``FormatError`` unless a tensor holds finite real floats, and variances no negative
    ones.
    """
    plain = tensor.layout == torch.strided and tensor.device.type == "cpu"
    if not plain or tensor.is_quantized or not tensor.is_floating_point():
        kind = f"{tensor.dtype}, {tensor.layout}, on {tensor.device}".replace("torch.", "")
        raise _unusable(path, name, f"is {kind}: dense floats with values are wanted")
    if not torch.isfinite(tensor).all():
        raise _unusable(path, name, "holds values that are not finite")
    if name.endswith("running_var") and (tensor < 0).any():
        raise _unusable(path, name, "holds a negative variance")


def _unusable(path: str | Path, name: str, wrong: str) -> FormatError:
    return FormatError(
        f"{path} is no usable supernet: tensor {name} {wrong}; get the checkpoint again."
    )


def _foreign(path: Path, reason: str) -> FormatError:
    return FormatError(
        f"{path} is no checkpoint that is safe to read ({reason.splitlines()[0]}): give a plain "
        "state dict of tensors, written by torch.save or as safetensors."
    )


def published_skeleton(family: str) -> Skeleton:
    """Return the skeleton of a family's published supernet; raises ``ConfigError`` for a family
    without one.
    """
    if family not in SUPERNETS:
        raise ConfigError(f"{family!r} has no supernet: write one of {', '.join(SUPERNETS)}.")
    return FAMILIES[family].FULL


def _build(family: str, architecture: str, skeleton: Skeleton) -> Graph:
    return FAMILIES[family].build(architecture, skeleton)


def _spelling(name: str) -> str:
    """Return a name of a checkpoint as all of them could be written."""
    for pattern, replacement in _SPELLINGS:
        name = pattern.sub(replacement, name)
    return name


def _shapes(family: str, skeleton: Skeleton) -> dict[str, tuple[int, ...]]:
    """Return the names of all tensors of a supernet with their shapes."""
    architecture = _largest(family)
    graph = _build(family, architecture, skeleton)
    own = GraphModule(graph).weights()
    names = _node_names(graph, family, architecture)
    shapes = {name: tuple(own[key].shape) for key, name in _tensor_names(graph, names)}
    for name in [one for one in shapes if one.endswith("depth_conv.conv.weight")]:
        for larger in range(shapes[name][-1], min(KERNELS), -2):
            matrix = name.removesuffix("weight") + f"{larger}to{larger - 2}_matrix"
            shapes[matrix] = ((larger - 2) ** 2,) * 2
    return shapes


def _tensor_names(graph: Graph, names: Mapping[int, str]) -> Iterator[tuple[str, str]]:
    """Yield our name and the supernet's name of every tensor of a network."""
    for node, name in names.items():
        identity = int(graph.ids[node])
        if graph.op_name(node) == "batchnorm":
            yield from (
                (f"{identity}.{ours}", f"{name}.{theirs}") for ours, theirs in _NORM.items()
            )
        else:
            yield f"{identity}.weight", f"{name}.weight"
            if graph.op_name(node) == "matmul" or graph.bias[node]:
                yield f"{identity}.bias", f"{name}.bias"


def _node_names(graph: Graph, family: str, architecture: str) -> dict[int, str]:
    """Return the supernet's name of every node with weights."""
    weighted = ("conv", "depthwise", "batchnorm", "matmul")
    nodes = [node for node in range(graph.n_nodes) if graph.op_name(node) in weighted]
    nodes.sort(key=lambda node: int(graph.ids[node]))
    space = FAMILIES[family]
    names = (
        _mobile_names(space, architecture)
        if isinstance(space, MobileSpace)
        else _resnet_names(architecture)
    )
    return dict(zip(nodes, names, strict=True))


def _largest(family: str) -> str:
    """Return the architecture that has all weights."""
    space = FAMILIES[family]
    if isinstance(space, MobileSpace):
        block = f"e{max(EXPANSIONS)}k{max(KERNELS)}"
        return "|".join(",".join([block] * stage.depths[-1]) for stage in space.stages)
    width, ratio = max(ofa_resnet.WIDTHS), max(ofa_resnet.RATIOS)
    depths = [base + ofa_resnet.MORE_BLOCKS for base in ofa_resnet.BASE_DEPTHS]
    stages = tuple((width, (ratio,) * depth) for depth in depths)
    return str(ofa_resnet.Settings(width, width, True, stages))


def _mobile_names(space: MobileSpace, architecture: str) -> Iterator[str]:
    """Yield the names of the layers in the order of execution; block 0 has no expansion."""
    yield from _with_norm("first_conv")
    yield from _block_names(0, expanded=False, excited=False)
    starts = accumulate((stage.depths[-1] for stage in space.stages), initial=1)
    for start, stage, blocks in zip(starts, space.stages, space.parse(architecture), strict=False):
        for index in range(len(blocks)):
            yield from _block_names(start + index, expanded=True, excited=stage.excited)
    if space.mixed:
        yield from _with_norm("final_expand_layer")
        yield "feature_mix_layer.conv"
    else:
        yield from _with_norm("feature_mix_layer")
    yield "classifier.linear"


def _block_names(number: int, *, expanded: bool, excited: bool) -> Iterator[str]:
    block = f"blocks.{number}.conv"
    if expanded:
        yield from _with_norm(f"{block}.inverted_bottleneck")
    yield from _with_norm(f"{block}.depth_conv")
    if excited:
        yield f"{block}.depth_conv.se.fc.reduce"
        yield f"{block}.depth_conv.se.fc.expand"
    yield from _with_norm(f"{block}.point_linear")


def _resnet_names(architecture: str) -> Iterator[str]:
    """Yield the names of the layers in the order of execution; the first block of a stage also
    maps its input.
    """
    settings = ofa_resnet.parse(architecture)
    yield from _with_norm("input_stem.0")
    if settings.residual:
        yield "input_stem.1.conv"
        yield "input_stem.1.conv.bn"
    yield from _with_norm("input_stem.2")
    depths = (base + ofa_resnet.MORE_BLOCKS for base in ofa_resnet.BASE_DEPTHS)
    for start, (_, ratios) in zip(accumulate(depths, initial=0), settings.stages, strict=False):
        for index in range(len(ratios)):
            for layer in ("conv1", "conv2", "conv3", *(() if index else ("downsample",))):
                yield from _with_norm(f"blocks.{start + index}.{layer}")
    yield "classifier.linear"


def _with_norm(name: str) -> Iterator[str]:
    yield f"{name}.conv"
    yield f"{name}.bn"
