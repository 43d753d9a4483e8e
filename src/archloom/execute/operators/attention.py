"""Attention and rotary position embeddings, operators of sets 23 and later."""

from __future__ import annotations

import torch
from torch import Tensor

from archloom.errors import GraphError
from archloom.execute.operators.table import Result, operator
from archloom.graph.definition import Definition


def _heads(x: Tensor, count: int, what: str) -> Tensor:
    """Return (B, heads, T, width) of that, or of (B, T, heads * width)."""
    if x.dim() == 4:
        return x
    if not count:
        raise GraphError(f"Attention on three axes needs the attribute {what!r}.")
    return x.reshape(*x.shape[:2], count, -1).transpose(1, 2)


@operator(
    "Attention",
    attributes="is_causal kv_num_heads q_num_heads qk_matmul_output_mode scale softcap",
    idle="softmax_precision",
)
def _attention(
    d: Definition,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    lengths: Tensor | None = None,
) -> Result:
    flat, groups = q.dim() == 3, d.attribute("kv_num_heads", 0)
    q = _heads(q, d.attribute("q_num_heads", 0), "q_num_heads")
    k, v = (_heads(one, groups, "kv_num_heads") for one in (k, v))
    if past_key is not None and past_value is not None:
        k, v = torch.cat([past_key, k], 2), torch.cat([past_value, v], 2)
    present = k, v
    times = q.shape[1] // k.shape[1]
    if times > 1:
        k, v = (one.repeat_interleave(times, 1) for one in (k, v))
    scale = d.attribute("scale") or q.shape[-1] ** -0.5
    raw = q @ k.transpose(-1, -2) * scale
    cap = d.attribute("softcap", 0.0)
    capped = torch.tanh(raw / cap) * cap if cap else raw
    masked = capped + _bias(d, capped, mask, past_key, lengths)
    weights = masked.softmax(-1).nan_to_num(0.0)  # a query that may see nothing gives zeros
    result = weights @ v
    result = result.transpose(1, 2).flatten(2) if flat else result
    stages = (raw, capped, masked, weights)
    outputs = (result, *present, stages[d.attribute("qk_matmul_output_mode", 0)])
    return outputs[: len(d.outputs)] if len(d.outputs) > 1 else result


def _bias(
    d: Definition,
    scores: Tensor,
    mask: Tensor | None,
    past_key: Tensor | None,
    lengths: Tensor | None,
) -> Tensor:
    """Return what is added to the scores (B, heads, T, keys); minus infinity hides a key."""
    rows, keys = scores.shape[-2:]
    hidden = torch.zeros(rows, keys, dtype=torch.bool, device=scores.device)
    bias = torch.zeros_like(hidden, dtype=scores.dtype)
    place = torch.arange(keys, device=scores.device)
    if d.attribute("is_causal", 0):
        last = torch.arange(rows, device=scores.device)[:, None]
        if past_key is not None:
            last = last + past_key.shape[2]
        elif lengths is not None:
            last = last + (lengths - rows)[:, None, None, None]
        hidden = hidden | (place > last)
    if lengths is not None:
        hidden = hidden | (place >= lengths[:, None, None, None])
    if mask is not None:
        short = keys - mask.shape[-1]
        if mask.dtype == torch.bool:
            hidden = hidden | ~torch.nn.functional.pad(mask, (0, short))
        else:
            bias = bias + torch.nn.functional.pad(mask, (0, short), value=-torch.inf)
    return bias.masked_fill(hidden, -torch.inf)


@operator("RotaryEmbedding", attributes="interleaved num_heads rotary_embedding_dim")
def _rotary(
    d: Definition, x: Tensor, cosines: Tensor, sines: Tensor, places: Tensor | None = None
) -> Result:
    flat = x.dim() == 3
    heads = d.attribute("num_heads", 0)
    if flat and not heads:
        raise GraphError("RotaryEmbedding on three axes needs the attribute 'num_heads'.")
    rows = x.reshape(*x.shape[:2], heads, -1) if flat else x.transpose(1, 2)
    if places is not None:
        cosines, sines = cosines[places], sines[places]
    cosines, sines = cosines.unsqueeze(2), sines.unsqueeze(2)
    width = d.attribute("rotary_embedding_dim", 0) or rows.shape[-1]
    turned, rest = rows[..., :width], rows[..., width:]
    pairs = bool(d.attribute("interleaved", 0))
    one, other = (turned[..., ::2], turned[..., 1::2]) if pairs else turned.chunk(2, -1)
    real, imaginary = cosines * one - sines * other, sines * one + cosines * other
    both = (
        torch.stack([real, imaginary], -1).flatten(-2)
        if pairs
        else torch.cat([real, imaginary], -1)
    )
    result = torch.cat([both, rest], -1)
    return result.flatten(2) if flat else result.transpose(1, 2)
