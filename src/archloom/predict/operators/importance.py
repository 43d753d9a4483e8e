"""What a predictor says of the nodes of one network: table, summary, picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from archloom.drawing.graphs import draw
from archloom.drawing.node_text import op_text, shape_text
from archloom.files import replacing
from archloom.graph import Graph
from archloom.predict.operators.network import FEATURES
from archloom.views.operators import OPERATORS, operator_codes

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class NodeImportance:
    """Importance of the nodes of a network; M hops.

    norms   : (M + 1, n) L1 norms of the embeddings at hops 0 to M
    scores  : (M + 1, n) the same in standard deviations above the mean of the training nodes
    scalars : (n, 5) 0-hop importance of the categories of features, see ``FEATURES``
    """

    graph: Graph
    norms: NDArray[np.float32]
    scores: NDArray[np.float64]
    scalars: NDArray[np.float32]

    @property
    def importance(self) -> NDArray[np.float64]:
        """(n,) score at the last hop: how much the M operators that end at a node matter."""
        return self.scores[-1]

    def by_operator(self) -> dict[str, tuple[int, float]]:
        """Return number of nodes and mean importance of each operator, the most important first."""
        codes = operator_codes(self.graph)
        found = {
            OPERATORS[code]: (
                int((codes == code).sum()),
                float(self.importance[codes == code].mean()),
            )
            for code in np.unique(codes).tolist()
        }
        return dict(sorted(found.items(), key=lambda item: -item[1][1]))

    def table(self) -> pa.Table:
        """Return one row per node, the most important first: node, id, operator, what it does, its
        sizes, importance, the norm at every hop, and the scalar of every category of features.
        """
        import pyarrow as pa

        order = np.argsort(-self.importance, kind="stable")
        nodes = order.tolist()
        codes = operator_codes(self.graph)
        columns = {
            "node": pa.array(order),
            "id": pa.array(self.graph.ids[order]),
            "operator": pa.array([OPERATORS[codes[node]] for node in nodes]),
            "what": pa.array([op_text(self.graph, node) for node in nodes]),
            "sizes": pa.array([shape_text(self.graph, node) for node in nodes]),
            "importance": pa.array(self.importance[order]),
        }
        columns |= {f"norm_hop{hop}": pa.array(row[order]) for hop, row in enumerate(self.norms)}
        columns |= {
            f"feature_{name.replace(' ', '_')}": pa.array(column[order])
            for name, column in zip(FEATURES, self.scalars.T, strict=True)
        }
        return pa.table(columns)

    def write(self, path: str | Path) -> None:
        """Write the table as CSV."""
        import pyarrow.csv as pc

        with replacing(path) as temporary:
            pc.write_csv(self.table(), temporary)

    def draw(self, path: str | Path) -> None:
        """Write a picture of the network, its nodes coloured by importance."""
        draw(self.graph, path=path, values=self.importance, meaning="importance")
