"""Networks on tokens and sequences: attention, mixing, recurrence."""

from __future__ import annotations

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from import_suite import Case, Inputs
from import_suite.convolutional import conv_bn, head, images


def words(length: int = 12, vocabulary: int = 50) -> Inputs:
    """Return a batch of two sequences of tokens."""
    generator = torch.Generator().manual_seed(2)
    return (torch.randint(0, vocabulary, (2, length), generator=generator),)


class Attention(nn.Module):
    """Multi-head self-attention; ``fused`` uses PyTorch's own function, ``einsum`` equations."""

    def __init__(self, width: int, heads: int = 2, form: str = "plain") -> None:
        super().__init__()
        self.heads, self.form = heads, form
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        n, t, c = x.shape
        size = c // self.heads
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, size).permute(2, 0, 3, 1, 4)
        if self.form == "fused":
            y = F.scaled_dot_product_attention(q, k, v)
        elif self.form == "einsum":
            scores = torch.einsum("bhid,bhjd->bhij", q, k) / math.sqrt(size)
            y = torch.einsum("bhij,bhjd->bhid", scores.softmax(-1), v)
        else:
            scores = q @ k.transpose(-2, -1) * size**-0.5
            scores = scores if bias is None else scores + bias
            y = scores.softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(n, t, c))


class Block(nn.Module):
    """A transformer block with pre-norm."""

    def __init__(self, width: int, form: str = "plain") -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, form=form)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.first(x))
        return x + self.mlp(self.second(x))


class VisionTransformer(nn.Module):
    """ViT; with ``distilled`` a second token and head as DeiT has them."""

    def __init__(self, form: str = "plain", distilled: bool = False) -> None:
        super().__init__()
        extra = 2 if distilled else 1
        self.patch = nn.Conv2d(3, 16, 8, 8)
        self.token = nn.Parameter(torch.randn(1, extra, 16))
        self.place = nn.Parameter(torch.randn(1, 16 + extra, 16))
        self.blocks = nn.Sequential(Block(16, form), Block(16, form))
        self.norm = nn.LayerNorm(16)
        self.heads = nn.ModuleList(nn.Linear(16, 10) for _ in range(extra))

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.place
        x = self.norm(self.blocks(x))
        return sum(one(x[:, i]) for i, one in enumerate(self.heads)) / len(self.heads)


class WindowBlock(nn.Module):
    """Attention within shifted windows and relative position biases (Swin)."""

    def __init__(self, width: int, window: int = 4, shift: int = 0) -> None:
        super().__init__()
        self.window, self.shift = window, shift
        self.norm, self.attention = nn.LayerNorm(width), Attention(width)
        self.table = nn.Parameter(torch.randn((2 * window - 1) ** 2, 2))
        place = torch.stack(
            torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
        )
        relative = place.flatten(1)[:, :, None] - place.flatten(1)[:, None] + window - 1
        self.register_buffer("index", relative[0] * (2 * window - 1) + relative[1])

    def forward(self, x: Tensor) -> Tensor:
        n, h, w, c = x.shape
        s = self.window
        y = (
            torch.roll(self.norm(x), (-self.shift, -self.shift), (1, 2))
            if self.shift
            else self.norm(x)
        )
        y = y.view(n, h // s, s, w // s, s, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, s * s, c)
        bias = self.table[self.index.view(-1)].view(s * s, s * s, -1).permute(2, 0, 1)
        y = self.attention(y, bias[None])
        y = y.view(n, h // s, w // s, s, s, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)
        return x + (torch.roll(y, (self.shift, self.shift), (1, 2)) if self.shift else y)


class Swin(nn.Module):
    """Two window blocks, merging of patches, one more."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, 4)
        self.blocks = nn.Sequential(WindowBlock(8), WindowBlock(8, shift=2))
        self.merge = nn.Linear(32, 16, bias=False)
        self.last, self.head = WindowBlock(16), nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.patch(x).permute(0, 2, 3, 1))
        x = torch.cat([x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)], -1)
        return self.head(self.last(self.merge(x)).mean((1, 2)))


class MixerBlock(nn.Module):
    """MLPs across tokens and across channels."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.across = nn.Sequential(nn.Linear(tokens, 8), nn.GELU(), nn.Linear(8, tokens))
        self.within = nn.Sequential(nn.Linear(width, 32), nn.GELU(), nn.Linear(32, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.across(self.first(x).transpose(1, 2)).transpose(1, 2)
        return x + self.within(self.second(x))


class Mixer(nn.Module):
    """MLP-Mixer."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 8, 8)
        self.blocks = nn.Sequential(MixerBlock(16, 16), MixerBlock(16, 16))
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.patch(x).flatten(2).transpose(1, 2)).mean(1))


class PoolFormerBlock(nn.Module):
    """Pooling as the token mixer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = nn.GroupNorm(1, channels), nn.GroupNorm(1, channels)
        self.pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 1), nn.GELU(), nn.Conv2d(2 * channels, channels, 1)
        )
        self.scale = nn.Parameter(torch.full((channels, 1, 1), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        x = x + self.scale * (self.pool(y) - y)
        return x + self.scale * self.mlp(self.second(x))


def poolformer() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 7, 4, 2), PoolFormerBlock(8), PoolFormerBlock(8), head(8))


class MobileViT(nn.Module):
    """Attention over unfolded patches between convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(3, 16, 3, 2, act=nn.SiLU)
        self.block, self.fold = Block(16), conv_bn(32, 16, 3, act=nn.SiLU)
        self.head = head(16)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        n, c, h, w = x.shape
        y = x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 2, 4, 1)
        y = self.block(y.reshape(n * 4, h * w // 4, c))
        y = y.reshape(n, 2, 2, h // 2, w // 2, c).permute(0, 5, 3, 1, 4, 2).reshape(n, c, h, w)
        return self.head(self.fold(torch.cat([x, y], 1)))


class SegFormer(nn.Module):
    """Attention with reduced keys, a mixed feed-forward and an all-MLP decoder."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.patch, self.reduce = nn.Conv2d(3, width, 7, 4, 3), nn.Conv2d(width, width, 2, 2)
        self.q, self.kv = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 32), nn.Linear(32, width)
        self.spread = nn.Conv2d(32, 32, 3, padding=1, groups=32)
        self.last = nn.Conv2d(width, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        x = self.patch(x)
        n, c, h, w = x.shape
        tokens = self.norm(x.flatten(2).transpose(1, 2))
        small = self.reduce(tokens.transpose(1, 2).reshape(n, c, h, w)).flatten(2).transpose(1, 2)
        k, v = self.kv(small).chunk(2, -1)
        attended = (self.q(tokens) @ k.transpose(1, 2) * c**-0.5).softmax(-1) @ v
        tokens = tokens + self.out(attended)
        y = self.up(tokens)
        y = self.spread(y.transpose(1, 2).reshape(n, 32, h, w)).flatten(2).transpose(1, 2)
        tokens = tokens + self.down(F.gelu(y))
        x = self.last(tokens.transpose(1, 2).reshape(n, c, h, w))
        return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


class Bert(nn.Module):
    """Embeddings, post-norm blocks with an attention mask, a pooled and a full output."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(50, width), nn.Embedding(12, width)
        self.norm, self.attention = nn.LayerNorm(width), Attention(width)
        self.second = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 32), nn.GELU(), nn.Linear(32, width))
        self.pooler = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        mask = (tokens != 0).float()[:, None, None, :]
        x = self.norm(self.words(tokens) + self.places(torch.arange(tokens.shape[1])))
        x = self.second(x + self.attention(x, (1 - mask) * -10000.0))
        x = x + self.mlp(x)
        return x, torch.tanh(self.pooler(x[:, 0]))


class Decoder(nn.Module):
    """Causal language model."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 16)
        self.norm, self.attention = nn.LayerNorm(16), Attention(16)
        self.register_buffer("mask", torch.full((12, 12), float("-inf")).triu(1))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens)
        x = x + self.attention(self.norm(x), self.mask)
        return x @ self.words.weight.T


class Detr(nn.Module):
    """A backbone, learnt queries that attend to its map, class and box heads."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_bn(3, 8, 3, 2), conv_bn(8, 16, 3, 2))
        self.queries = nn.Parameter(torch.randn(1, 5, 16))
        self.block = nn.TransformerDecoderLayer(16, 2, 32, batch_first=True, dropout=0.0)
        self.classes, self.boxes = nn.Linear(16, 4), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        memory = self.stem(x).flatten(2).transpose(1, 2)
        y = self.block(self.queries.expand(x.shape[0], -1, -1), memory)
        return self.classes(y), self.boxes(y).sigmoid()


class Crnn(nn.Module):
    """Convolutions, a bidirectional recurrence over columns, scores of each."""

    def __init__(self, kind: type[nn.RNNBase] = nn.LSTM) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_bn(1, 8), nn.MaxPool2d(2), conv_bn(8, 8), nn.MaxPool2d(2))
        self.recurrence = kind(32, 8, bidirectional=True, batch_first=True)
        self.last = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).permute(0, 3, 1, 2).flatten(2)
        return self.last(self.recurrence(x)[0]).log_softmax(-1)


class TextConvolution(nn.Module):
    """1-D convolutions of several widths over embedded words."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 8)
        self.convs = nn.ModuleList(nn.Conv1d(8, 4, size) for size in (2, 3, 4))
        self.last = nn.Linear(12, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens).transpose(1, 2)
        return self.last(torch.cat([conv(x).relu().amax(-1) for conv in self.convs], 1))


class TwoTowers(nn.Module):
    """Compares an image with a text (two inputs)."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(conv_bn(3, 8, 3, 2), head(8, 8))
        self.words = nn.Embedding(50, 8)

    def forward(self, image: Tensor, tokens: Tensor) -> Tensor:
        one, other = self.image(image), self.words(tokens).mean(1)
        return (F.normalize(one, dim=-1) * F.normalize(other, dim=-1)).sum(-1)


CASES = {
    "vit": Case("vision transformer", VisionTransformer, images),
    "vit_fused": Case("fused attention", partial(VisionTransformer, "fused"), images),
    "vit_einsum": Case("attention with einsum", partial(VisionTransformer, "einsum"), images),
    "vit_opset11": Case("layer norm taken apart", VisionTransformer, images, opset=11),
    "vit_fixed": Case("vision transformer, fixed batch", VisionTransformer, images, batch=False),
    "deit": Case("distillation token", partial(VisionTransformer, "plain", True), images),
    "swin": Case("shifted windows", Swin, images),
    "mixer": Case("MLP mixer", Mixer, images),
    "poolformer": Case("pooling as token mixer", poolformer, images),
    "mobilevit": Case("attention between convolutions", MobileViT, images),
    "segformer": Case("segmentation with attention", SegFormer, images),
    "bert": Case("text encoder, two outputs", Bert, words),
    "decoder": Case("causal mask", Decoder, words),
    "detr": Case("learnt queries", Detr, images),
    "crnn": Case("bidirectional LSTM", Crnn, partial(images, 16, 24, channels=1)),
    "crnn_gru": Case(
        "bidirectional GRU", partial(Crnn, nn.GRU), partial(images, 16, 24, channels=1)
    ),
    "text_cnn": Case("embedding, 1-D convolution", TextConvolution, words),
    "two_towers": Case("two inputs", TwoTowers, lambda: (*images(), *words())),
}
