"""Scoring of replacement segments inside the search (AutoGO spec 5.4).

Predecessor and successor do not depend on the replacement: they are encoded once per source, and
their share of the head's first layer is kept. A candidate costs its own few nodes only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from archloom.graph import Graph
from archloom.predict.gnn.network import N_LAYERS
from archloom.predict.nodes.classes import ClassStore
from archloom.predict.psc.instances import add_instances, instance_means
from archloom.predict.psc.predictor import PSC


class PscScorer:
    """Scores candidates for the sources (segments to replace) of one parent graph.

    order   : (n,) node index at each position of the parent's segmentation
    sources : (start, end) positions of each source, 1 <= start < end < n, else ``GraphError``
    """

    def __init__(
        self,
        predictor: PSC,
        parent: Graph,
        order: NDArray[np.integer],
        sources: Sequence[tuple[int, int]],
    ) -> None:
        self._predictor = predictor
        store = ClassStore(N_LAYERS)
        rows = np.array(sources, dtype=np.int64).reshape(-1, 2)
        instances = add_instances(store, [parent], [order], [rows])
        with torch.no_grad():
            nodes = predictor.network.encode(store.frozen(), predictor.normalisers)
            means = instance_means(nodes, instances)
            head = predictor.network.head()
            width = means.shape[1] // 3
            predecessor, segment, successor = (
                means[:, i * width : (i + 1) * width] @ head.A[:, i * width : (i + 1) * width].T
                for i in range(3)
            )
            self._context = predecessor + successor + head.a
            self._segment_weight = head.A[:, width : 2 * width].T.contiguous()
            self._head = head
            self.originals: NDArray[np.float64] = self._finish(self._context + segment)
            """(len(sources),) scores of the parent's own segments."""

    def score(
        self, source: int | NDArray[np.integer], candidates: Sequence[Graph]
    ) -> NDArray[np.float64]:
        """Return ``(len(candidates),)`` scores, in input order.

        source : index into ``sources``, for all candidates or one for each
        """
        return self.score_embeddings(source, self._predictor.segment_embeddings(candidates))

    def score_embeddings(
        self, source: int | NDArray[np.integer], embeddings: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Return ``(k,)`` scores of ``(k, 32)`` embeddings from ``PSC.segment_embeddings``."""
        places = torch.as_tensor(np.atleast_1d(source))
        with torch.no_grad():
            own = torch.from_numpy(embeddings) @ self._segment_weight
            return self._finish(own + self._context[places])

    def _finish(self, hidden: torch.Tensor) -> NDArray[np.float64]:
        """Return the head's output for its first layer's values before the ReLU."""
        return (hidden.relu() @ self._head.w + self._head.b).double().numpy()
