"""What every benchmark shares: published inputs, one thread, and dated result files."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from archloom.data import registry
from archloom.graph import Graph
from archloom.io import read_graph
from archloom.io.files import write_text

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "torch", "highspy", "onnxruntime", "pyarrow", "scikit-learn")


def one_thread() -> None:
    """Bound the threads of everything that is imported later."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    import torch

    torch.set_num_threads(1)


def published(name: str) -> Graph:
    """Return a released graph, such as nb201_best."""
    return read_graph(registry.find("autogo_cgs", f"{name}.json"))


def shipped_graphs() -> list[Graph]:
    """Return the 21 released graphs and the rebuilt EDSR, by name."""
    return [
        published(Path(file).stem) for file in sorted(registry.dataset_named("autogo_cgs").files)
    ]


def record(name: str, figures: dict, *, seeds: list[int] | None = None, note: str = "") -> Path:
    """Write ``results/{name}.json``: figures with date, commit, hardware and versions."""
    document = {
        "benchmark": name,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": _git("rev-parse", "--short", "HEAD")
        + ("+" if _git("status", "--porcelain", "src") else ""),
        "hardware": f"{os.cpu_count()}-core {platform.machine()} CPU, {_cpu_name()}",
        "python": platform.python_version(),
        "packages": {package: version(package) for package in PACKAGES},
        "seeds": seeds or [],
        "note": note,
        "figures": figures,
    }
    path = RESULTS / f"{name}.json"
    write_text(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(figures, indent=1, ensure_ascii=False))
    print(f"wrote {path}")
    return path


def _git(*arguments: str) -> str:
    found = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return found.stdout.strip()


def _cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"
