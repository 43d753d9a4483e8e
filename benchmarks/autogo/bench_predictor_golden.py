"""Predictions of the published checkpoints on the 21 released graphs, against the golden values.

    python -m benchmarks.autogo.bench_predictor_golden

Needs the datasets autogo_cgs, autogo_vocab and autogo_models. Every graph and every P/S/C instance
is compared, with the graph's own normalisers (legacy) and with the constant ones.
"""

import json

from benchmarks.recording import one_thread, published, record

one_thread()

import numpy as np  # noqa: E402

from archloom.data import registry  # noqa: E402
from archloom.predict import Normalisers, load_predictor  # noqa: E402

TOLERANCE = 1e-4


def read(dataset, file):
    """Return the JSON document of a dataset file."""
    return json.loads(registry.find(dataset, file).read_text())


def values(entries):
    """Return the predictions of a list of instances."""
    return [entry["pred"] if isinstance(entry, dict) else entry for entry in entries]


def main():
    gnn = load_predictor(registry.find("autogo_models", "gnn.safetensors"))
    psc = load_predictor(registry.find("autogo_models", "psc.safetensors"))
    cuts = read("autogo_vocab", "golden_segmentation.json")["graphs"]
    errors = {"gnn": [], "gnn_fixed_norm": [], "psc": [], "psc_fixed_norm": []}
    golden = read("autogo_models", "golden_predictions.json")["graphs"]
    for name, row in golden.items():
        graph = published(name)
        starts = np.concatenate([[0], np.cumsum(cuts[name]["piece_lengths"])])
        sizes = row["normalizers"]
        own = Normalisers(sizes["max_derived_H"], sizes["max_derived_W"], sizes["max_hidden_size"])
        for suffix, normalisers in (("", own), ("_fixed_norm", None)):
            whole = gnn.predict([graph], normalisers) - row[f"gnn{suffix}"]
            parts = psc.predict_instances(graph, starts, normalisers=normalisers)
            errors[f"gnn{suffix}"] += np.abs(whole).tolist()
            errors[f"psc{suffix}"] += np.abs(parts - values(row[f"psc{suffix}"])).tolist()
    figures = {
        key: {
            "predictions": len(found),
            "within_tolerance": int((np.array(found) <= TOLERANCE).sum()),
            "largest_error": max(found),
        }
        for key, found in errors.items()
    }
    record("predictor_golden", {"graphs": len(golden), "tolerance": TOLERANCE, **figures})


if __name__ == "__main__":
    main()
