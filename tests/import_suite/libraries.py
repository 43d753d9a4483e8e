"""Networks of the ``transformers`` library with random weights, where it is installed."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec

from torch import Tensor, nn

from import_suite import Case
from import_suite.convolutional import images
from import_suite.tokens import words


class Plain(nn.Module):
    """Calls a model of the library with tensors and returns its outputs as a tuple of tensors."""

    def __init__(self, model: nn.Module, *names: str) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        found = self.model(x)
        return tuple(found[name] for name in self.names)


def made(model: str, outputs: tuple[str, ...], **sizes: object) -> nn.Module:
    """Return the ``transformers`` class called ``model`` with a configuration of ``sizes``."""
    import transformers

    kind = getattr(transformers, model)
    return Plain(kind(kind.config_class(**sizes)), *outputs)


_TOKENS = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "attn_implementation": "eager",
}
_PATCHES = {**_TOKENS, "image_size": 32, "patch_size": 8}
_STAGES = {"hidden_sizes": [8, 16], "depths": [1, 1]}
_LOGITS, _STATE = ("logits",), ("last_hidden_state",)
_IMAGES = {
    "ResNet": ("ResNetForImageClassification", _LOGITS, {"embedding_size": 8, **_STAGES}),
    "RegNet": (
        "RegNetForImageClassification",
        _LOGITS,
        {"embedding_size": 8, "groups_width": 8, **_STAGES},
    ),
    "MobileNetV1": ("MobileNetV1ForImageClassification", _LOGITS, {"depth_multiplier": 0.25}),
    "MobileNetV2": ("MobileNetV2ForImageClassification", _LOGITS, {"depth_multiplier": 0.35}),
    "EfficientNet": (
        "EfficientNetForImageClassification",
        _LOGITS,
        {"width_coefficient": 0.25, "depth_coefficient": 0.3, "image_size": 32, "hidden_dim": 320},
    ),
    "BiT": (
        "BitForImageClassification",
        _LOGITS,
        {"embedding_size": 32, "num_groups": 2, "hidden_sizes": [32, 64], "depths": [1, 1]},
    ),
    "ConvNeXt": ("ConvNextForImageClassification", _LOGITS, {"num_stages": 2, **_STAGES}),
    "ConvNeXtV2": ("ConvNextV2ForImageClassification", _LOGITS, {"num_stages": 2, **_STAGES}),
    "PoolFormer": (
        "PoolFormerForImageClassification",
        _LOGITS,
        {
            "hidden_sizes": [8, 16],
            "depths": [1, 1],
            "num_encoder_blocks": 2,
            "patch_sizes": [7, 3],
            "strides": [4, 2],
            "padding": [2, 1],
        },
    ),
    "ViT": ("ViTForImageClassification", _LOGITS, _PATCHES),
    "DeiT": ("DeiTForImageClassification", _LOGITS, _PATCHES),
    "BEiT": ("BeitForImageClassification", _LOGITS, _PATCHES),
    "DINOv2": (
        "Dinov2ForImageClassification",
        _LOGITS,
        {key: value for key, value in _PATCHES.items() if key != "intermediate_size"},
    ),
    "CLIP": ("CLIPVisionModel", ("last_hidden_state", "pooler_output"), _PATCHES),
    "Swin": (
        "SwinForImageClassification",
        _LOGITS,
        {"image_size": 32, "embed_dim": 8, "depths": [2, 2], "num_heads": [1, 2], "window_size": 4},
    ),
    "SegFormer": (
        "SegformerForSemanticSegmentation",
        _LOGITS,
        {
            "num_encoder_blocks": 2,
            "depths": [1, 1],
            "sr_ratios": [4, 2],
            "hidden_sizes": [8, 16],
            "patch_sizes": [7, 3],
            "strides": [4, 2],
            "num_attention_heads": [1, 2],
            "mlp_ratios": [2, 2],
            "decoder_hidden_size": 16,
        },
    ),
    "MobileViT": (
        "MobileViTForImageClassification",
        _LOGITS,
        {
            "image_size": 64,
            "hidden_sizes": [16, 24, 32],
            "neck_hidden_sizes": [8, 8, 16, 16, 16, 16, 32],
        },
    ),
}
_WORDS = {
    "BERT": ("BertModel", ("last_hidden_state", "pooler_output"), {"vocab_size": 50, **_TOKENS}),
    "DistilBERT": (
        "DistilBertModel",
        _STATE,
        {"vocab_size": 50, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32},
    ),
}

_LARGER = {"BiT"}  # on small maps ONNX Runtime's group norms lose digits


def cases() -> dict[str, Case]:
    """Return the cases, none where the library is not installed."""
    found = {}
    for table, source in ((_IMAGES, images), (_WORDS, words)):
        for name, (model, outputs, sizes) in table.items():
            inputs = partial(images, 64, 64) if name in _LARGER else source
            build = partial(made, model, outputs, **sizes)
            found[f"transformers {name}"] = Case("library", build, inputs)
    return found if find_spec("transformers") else {}


CASES = cases()
