"""Centred RMSprop with TensorFlow's arithmetic, the optimiser of AutoGO's CIFAR-10 recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

DECAY = 0.9
"""Share of the past in the averages of gradient and squared gradient (Keras' rho)."""
EPSILON = 1e-7


class CentredRMSprop(torch.optim.Optimizer):
    """Divides a gradient by its running standard deviation, then adds momentum.

    TensorFlow puts epsilon under the square root, where PyTorch adds it to the root and takes
    roots of differences that rounding makes negative: a weight whose gradient is constant (one
    that only decays, behind a dead unit) becomes NaN there. Parameter groups may have an L2
    ``weight_decay``.
    """

    def __init__(
        self, params: Iterable[Tensor] | Iterable[dict[str, Any]], lr: float, momentum: float = 0.9
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Change all parameters that have a gradient; return what ``closure`` returns."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            pairs = [(one, one.grad) for one in group["params"] if one.grad is not None]
            if pairs:
                parameters, gradients = (list(part) for part in zip(*pairs, strict=True))
                self._update(group, parameters, gradients)
        return loss

    def _update(
        self, group: dict[str, Any], parameters: list[Tensor], gradients: list[Tensor]
    ) -> None:
        for one in parameters:
            if not self.state[one]:
                self.state[one] = {
                    name: torch.zeros_like(one) for name in ("mean", "square", "velocity")
                }
        mean, square, velocity = (
            [self.state[one][name] for one in parameters] for name in ("mean", "square", "velocity")
        )
        if group["weight_decay"]:
            gradients = list(torch._foreach_add(gradients, parameters, alpha=group["weight_decay"]))
        torch._foreach_lerp_(mean, gradients, 1 - DECAY)
        torch._foreach_mul_(square, DECAY)
        torch._foreach_addcmul_(square, gradients, gradients, 1 - DECAY)
        variance = torch._foreach_addcmul(square, mean, mean, -1)
        torch._foreach_clamp_min_(variance, 0.0)
        torch._foreach_add_(variance, EPSILON)
        torch._foreach_sqrt_(variance)
        torch._foreach_mul_(velocity, group["momentum"])
        torch._foreach_addcdiv_(velocity, gradients, variance, group["lr"])
        torch._foreach_sub_(parameters, velocity)
