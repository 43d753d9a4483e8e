"""Write ``docs/results.md`` from the result files; each script words what it recorded.

python -m benchmarks.summarise
"""

from collections.abc import Callable
from types import ModuleType

from archloom.files import write_text
from benchmarks.autobuild import (
    bench_autobuild,
    bench_autobuild_labels,
    bench_autobuild_operators,
    bench_autobuild_search,
    bench_autobuild_workflow,
)
from benchmarks.autogo import (
    bench_combined_segments,
    bench_latency_search,
    bench_predictor_golden,
    bench_predictor_nb201,
    bench_predictor_table1,
    bench_psc_speed,
    bench_published_winners,
    bench_report_page,
    bench_resnet50_search,
    bench_score_order,
    bench_search,
    bench_segmentation,
    bench_shape_propagation,
)
from benchmarks.graphs import (
    bench_families,
    bench_import,
    bench_nb201_all,
    bench_onnx_parity,
    bench_store,
)
from benchmarks.recording import ROOT, table
from benchmarks.training import bench_cifar10_cpu, bench_training_step, measure_digits_labels
from benchmarks.workflow import (
    bench_faults,
    bench_sharing,
    bench_start,
    bench_workflow,
    measure_slurm_suite,
)

HEAD = """# Results

Made by `python -m benchmarks.summarise` from the files in `benchmarks/results/`, each written by
the script `bench_NAME.py` in a folder of `benchmarks/`. Reference figures are those of the AutoGO
code, measured on comparable work.
"""


def agreement() -> str:
    """Return the agreement with the reference's published artefacts."""
    scripts = bench_segmentation, bench_shape_propagation, bench_predictor_golden, bench_onnx_parity
    rows = [row for script in scripts for row in script.agreement()]
    return "## Agreement with the published artefacts\n\n" + table(["what", "agreement"], rows)


def speeds() -> str:
    """Return speeds that have no section of their own."""
    scripts = bench_shape_propagation, bench_nb201_all, bench_store
    rows = [row for script in scripts for row in script.speeds()]
    return "## Other speeds\n\n" + table(["what", "ours", "reference"], rows)


SECTIONS: tuple[ModuleType | Callable[[], str], ...] = (
    agreement,
    bench_search,
    bench_resnet50_search,
    bench_latency_search,
    bench_published_winners,
    bench_score_order,
    bench_predictor_nb201,
    bench_psc_speed,
    bench_predictor_table1,
    bench_training_step,
    bench_cifar10_cpu,
    speeds,
    bench_combined_segments,
    bench_families,
    bench_import,
    bench_report_page,
    bench_start,
    bench_workflow,
    measure_slurm_suite,
    bench_sharing,
    measure_digits_labels,
    bench_autobuild,
    bench_autobuild_search,
    bench_autobuild_labels,
    bench_autobuild_operators,
    bench_autobuild_workflow,
    bench_faults,
)
"""The page from its beginning: a script gives its ``section``."""


def page() -> str:
    """Return the content of ``docs/results.md``."""
    parts = (one.section() if isinstance(one, ModuleType) else one() for one in SECTIONS)
    return "\n\n".join([HEAD.rstrip(), *parts]) + "\n"


def main() -> None:
    """Write the page."""
    write_text(ROOT / "docs" / "results.md", page())


if __name__ == "__main__":
    main()
