"""Predictors that benchmarks train. Each is kept, so that a broken-off run goes on where it was and
what one benchmark has trained another takes. A change of the training's code, of labels or settings
trains anew.
"""

import hashlib
import json
import time
from dataclasses import asdict

import numpy as np

from archloom.files import write_text
from archloom.predict.blocks.network import BlockShape
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.predict.blocks.task import BlockTraining
from archloom.predict.operators.network import OperatorShape
from archloom.predict.operators.predictor import OperatorPredictor
from archloom.workflow.digest import source_digest
from benchmarks.recording import RESULTS, ROOT, at_scale

FOLDER = at_scale(ROOT / "resources", RESULTS) / "bench_autobuild"

NETWORKS = at_scale(None, 200)
"""How many block networks a predictor learns from at most; None: all."""


def block_predictor(labels, settings, shape=None):
    """Return a predictor of block networks, and the processor time of its training in seconds."""
    shape = shape or BlockShape()
    labels = labels.take(np.arange(len(labels.values))[:NETWORKS])
    texts = [labels.family, labels.target, *labels.architectures]
    arrays = [labels.values, labels.resolution]
    return _kept(
        BlockPredictor,
        f"{labels.family}-{source_digest('archloom.predict.blocks.task')}",
        _key(settings, shape, texts, arrays),
        lambda: BlockPredictor.fit(labels, settings, shape),
    )


def operator_predictor(data, settings, shape=None, twins=None):
    """Return a predictor of accuracies of any networks, and the processor time of its training."""
    shape = shape or OperatorShape()
    texts = [*(graph.hash for graph in data.graphs), *(twins or [])]
    return _kept(
        OperatorPredictor,
        f"operators-{source_digest('archloom.predict.operators.task')}",
        _key(settings, shape, texts, [data.labels]),
        lambda: OperatorPredictor.fit(data, "accuracy", settings, shape, twins=twins),
    )


def _key(settings: BlockTraining, shape, texts, arrays):
    """Return a digest of what a predictor is trained with."""
    content = [asdict(settings), asdict(shape), texts, [np.asarray(one).tolist() for one in arrays]]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _kept(kind, name, key, train):
    path = FOLDER / f"{name}-{key}.safetensors"
    times = path.with_suffix(".times.json")
    if not times.exists():
        started = time.process_time()
        predictor = train()
        spent = time.process_time() - started
        predictor.save(path)
        write_text(times, json.dumps({"cpu_s": spent}) + "\n")
    return kind.load(path), json.loads(times.read_text())["cpu_s"]
