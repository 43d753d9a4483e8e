"""Regions of an exported program with a mode of their own: they are put in place of their calls.

A graph computes in single precision and without gradients, so ``torch.autocast`` and
``torch.no_grad`` change nothing in it.
"""

from __future__ import annotations

import operator
from typing import Any

from torch import fx

_REGIONS = {"wrap_with_autocast", "wrap_with_set_grad_enabled"}


def inline_regions(module: fx.GraphModule) -> None:
    """Put the nodes of all regions in place of their calls, in place."""
    changed = False
    while regions := [node for node in module.graph.nodes if _is_region(node)]:
        changed = True
        for node in regions:
            _inline(module, node)
    if changed:
        module.graph.lint()
        module.recompile()


def _is_region(node: fx.Node) -> bool:
    name = getattr(node.target, "_name", getattr(node.target, "__name__", ""))
    return node.op == "call_function" and name in _REGIONS


def _inline(module: fx.GraphModule, node: fx.Node) -> None:
    place = next(
        position
        for position, argument in enumerate(node.args)
        if isinstance(argument, fx.Node) and argument.op == "get_attr"
    )
    body: Any = getattr(module, node.args[place].target)  # type: ignore[union-attr, arg-type]
    _adopt(module, body, node.name)
    places = [one for one in body.graph.nodes if one.op == "placeholder"]
    with module.graph.inserting_before(node):
        known: dict[fx.Node, Any] = dict(zip(places, node.args[place + 1 :], strict=True))
        results = module.graph.graph_copy(body.graph, known)
    for user in list(node.users):
        if user.target is operator.getitem:
            user.replace_all_uses_with(results[user.args[1]])  # type: ignore[index, arg-type]
            module.graph.erase_node(user)
    module.graph.erase_node(node)


def _adopt(module: fx.GraphModule, body: fx.GraphModule, prefix: str) -> None:
    """Give the submodules of a region, regions inside of it, to the whole program."""
    for node in body.graph.nodes:
        if node.op == "get_attr":
            name = f"{prefix}_{node.target}"
            setattr(module, name, getattr(body, str(node.target)))
            node.target = name
