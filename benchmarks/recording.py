"""What every benchmark shares: published inputs, one thread, dated result files and their words.

With ``--smoke`` any script runs in small, to show that it can run: its figures mean nothing, and
they go to a new temporary folder, or to the one that ``ARCHLOOM_SMOKE`` names.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from archloom.data import registry
from archloom.files import write_text
from archloom.graph import Graph
from archloom.io import read_graph

if TYPE_CHECKING:
    from archloom.search.graphs.optimise import Artefacts

ROOT = Path(__file__).parents[1]
if "--smoke" in sys.argv:
    sys.argv.remove("--smoke")
    if "ARCHLOOM_SMOKE" not in os.environ:
        os.environ["ARCHLOOM_SMOKE"] = tempfile.mkdtemp(prefix="smoke-")
SMOKE = "ARCHLOOM_SMOKE" in os.environ
RESULTS = Path(os.environ["ARCHLOOM_SMOKE"]) if SMOKE else ROOT / "benchmarks" / "results"
PACKAGES = ("numpy", "torch", "highspy", "onnxruntime", "pyarrow", "scikit-learn")


Setting = TypeVar("Setting")


def at_scale(full: Setting, smoke: Setting) -> Setting:
    """Return what a script works with: ``smoke`` where it only has to show that it runs."""
    return smoke if SMOKE else full


def one_thread() -> None:
    """Bound the threads of everything that is imported later."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    import torch

    torch.set_num_threads(1)


def with_tests() -> None:
    """Make the helpers of the tests importable."""
    sys.path.append(str(ROOT / "tests"))


def published(name: str) -> Graph:
    """Return a released graph, such as nb201_best."""
    return read_graph(registry.find("autogo_cgs", f"{name}.json"))


def shipped_graphs() -> list[Graph]:
    """Return the 21 released graphs and the rebuilt EDSR, by name."""
    return [
        published(Path(file).stem) for file in sorted(registry.dataset_named("autogo_cgs").files)
    ]


def published_artefacts() -> "Artefacts":
    """Return what config/published.yaml searches with: published vocabulary and PSC checkpoint,
    segments of the released graphs and of 120 graphs of each of three families, and as range of the
    checkpoint graphs of the five families that it was trained on.
    """
    from archloom.predict import load_predictor
    from archloom.predict.range import TrainingRange
    from archloom.search.graphs.optimise import Artefacts
    from archloom.segments.database import build_database
    from archloom.segments.tokeniser import Tokeniser
    from archloom.segments.vocabulary import Vocabulary
    from archloom.spaces import hiaml, inception, nb101, nb201, two_path

    vocabulary = Vocabulary.from_published(registry.find("autogo_vocab", "encoder.json").parent)
    tokeniser = Tokeniser(vocabulary)
    families = {
        space: space.sample(at_scale(120, 10), 0, space.FULL, "upstream")
        for space in (nb201, hiaml, two_path, nb101, inception)
    }
    mined = [graph for space in (nb201, hiaml, two_path) for graph in families[space]]
    predictor = load_predictor(
        registry.find("autogo_models", "psc.safetensors"), segment=tokeniser.segment
    )
    predictor.note(range=TrainingRange.of([graph for some in families.values() for graph in some]))
    database = build_database([*shipped_graphs(), *mined], tokeniser)
    return Artefacts(vocabulary, database, predictor)


def record(name: str, figures: dict, *, seeds: list[int] | None = None, note: str = "") -> Path:
    """Write ``results/{name}.json``: figures with date, commit, hardware and versions."""
    document = {
        "benchmark": name,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": _git("rev-parse", "--short", "HEAD")
        + ("+" if _git("status", "--porcelain", "src") else ""),
        "hardware": f"{os.cpu_count()}-core {platform.machine()} CPU, {_cpu_name()}{_gpu_name()}",
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


def result(name: str) -> dict:
    """Return one result file."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def figures(name: str) -> dict:
    """Return the figures of one result file."""
    return result(name)["figures"]


def table(head: list[str], rows: list[list[object]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def listed(values: Iterable[float], between: str = ", ") -> str:
    """Return figures with two decimals as text."""
    return between.join(f"{value:.2f}" for value in values)


def _git(*arguments: str) -> str:
    found = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return found.stdout.strip()


def _cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def _gpu_name() -> str:
    """Return the name of the GPU that PyTorch would use, "" where there is none."""
    import torch

    return f"; {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
