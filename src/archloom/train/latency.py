"""Latency of networks, measured on this machine.

Networks that are to be compared are measured together: every round runs each of them once, so that
a machine that grows slower or busier hits all of them alike. A figure is the median over rounds,
its spread the quartiles; batch 1, float32, random weights and input. Where other programs had the
processor for part of the time, a warning is logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from time import perf_counter, process_time
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archloom.errors import ConfigError, GraphError
from archloom.graph import Graph, GraphBuilder, input_shapes
from archloom.graph.definition import TensorType

logger = logging.getLogger(__name__)

Runtime = Literal["onnxruntime", "torch"]
RUNTIMES: tuple[Runtime, ...] = ("onnxruntime", "torch")
SAMPLE_SECONDS = 1e-3
"""A network that is faster runs several times per sample, so that the clock does not count."""
BUSY = 0.1
"""Share of the time for which others may have the processor before it is told."""


@dataclass(frozen=True)
class Timing:
    """How latency is measured.

    runtime   onnxruntime (its own graph optimisations on) or torch (eager)
    threads   of the runtime, for one inference
    warm_up   untimed runs of each network
    repeats   rounds, at least 3

    A value out of range raises ``ConfigError``.
    """

    runtime: Runtime = "onnxruntime"
    threads: int = 1
    warm_up: int = 3
    repeats: int = 15

    def __post_init__(self) -> None:
        if self.runtime not in RUNTIMES:
            raise ConfigError(f'runtime "{self.runtime}": write {" or ".join(RUNTIMES)}.')
        for name, least in (("threads", 1), ("warm_up", 0), ("repeats", 3)):
            if getattr(self, name) < least:
                raise ConfigError(
                    f"{name} = {getattr(self, name)} of a latency measurement: write {least} or "
                    "more."
                )

    @property
    def words(self) -> str:
        """What people read: "onnxruntime, 1 thread"."""
        return f"{self.runtime}, {self.threads} thread{'s' if self.threads > 1 else ''}"


@dataclass(frozen=True)
class Latency:
    """Time of one inference in ms: median over rounds, first and third quartile."""

    median: float
    lower: float
    upper: float


def measure_latency(graphs: Sequence[Graph], timing: Timing | None = None) -> list[Latency]:
    """Return the latency of each graph, measured in interleaved rounds.

    All networks are in memory at once: see ``compare_latency`` for many. Raises ``GraphError`` for
    a graph that cannot be executed.
    """
    return [_summary(column) for column in latency_rounds(graphs, timing).T]


def latency_rounds(graphs: Sequence[Graph], timing: Timing | None = None) -> NDArray[np.float64]:
    """Return ``(repeats, len(graphs))`` times in ms, one row per round; see ``measure_latency``."""
    timing = timing or Timing()
    with _threads(timing):
        runs = [_runner(graph, timing) for graph in graphs]
        counts = [_runs_per_sample(run, timing.warm_up) for run in runs]
        rounds = np.empty((timing.repeats, len(runs)))
        with _watched():
            for times in rounds:
                for index, (run, count) in enumerate(zip(runs, counts, strict=True)):
                    times[index] = 1e3 * _seconds(run, count)
    return rounds


def _summary(times: NDArray[np.float64]) -> Latency:
    lower, median, upper = np.quantile(times, (0.25, 0.5, 0.75)).tolist()
    return Latency(median, lower, upper)


@dataclass(frozen=True)
class Comparison:
    """Latency of a network and of the reference, measured in the same rounds.

    ratio   median over rounds of own time / reference's time, which a busy machine disturbs less
            than the times themselves
    """

    own: Latency
    reference: Latency
    ratio: float

    @property
    def change(self) -> float:
        """Change against the reference in percent."""
        return 100 * (self.ratio - 1)


def compare_latency(
    reference: Graph, graphs: Sequence[Graph], timing: Timing | None = None, *, group: int = 8
) -> list[Comparison]:
    """Return the latency of each graph beside that of ``reference``.

    Graphs are measured in groups, which bounds memory; the reference takes part in every one.
    """
    found: list[Comparison] = []
    for start in range(0, len(graphs), group):
        rounds = latency_rounds([reference, *graphs[start : start + group]], timing)
        base = rounds[:, 0]
        found += [
            Comparison(_summary(own), _summary(base), float(np.median(own / base)))
            for own in rounds[:, 1:].T
        ]
    return found


def reference_network() -> Graph:
    """Return a convolution whose time, in the same rounds, tells how fast the machine is."""
    builder = GraphBuilder("reference")
    builder.conv(builder.input(28, 28, 64), 64)
    return builder.build()


def _seconds(run: Callable[[], Any], count: int) -> float:
    """Return the mean time of ``count`` runs."""
    begun = perf_counter()
    for _ in range(count):
        run()
    return (perf_counter() - begun) / count


def _runs_per_sample(run: Callable[[], Any], warm_up: int) -> int:
    """Warm up, then return how many runs one sample needs."""
    for _ in range(warm_up):
        run()
    return max(1, ceil(SAMPLE_SECONDS / _seconds(run, 1)))


def _runner(graph: Graph, timing: Timing) -> Callable[[], Any]:
    """Return a function that runs ``graph`` once, as it has been seen to do."""
    inputs = [_input(graph, node) for node in graph.sources.tolist()]
    try:
        if timing.runtime == "torch":
            run = _torch_runner(graph, inputs)
        else:
            run = _onnx_runner(graph, inputs, timing.threads)
        run()
    except GraphError:
        raise
    except Exception as error:  # runtimes raise classes of their own
        raise GraphError(
            f"{graph!r} does not run in {timing.runtime} ({error}): use the other runtime, or "
            "leave it out."
        ) from error
    return run


def _input(graph: Graph, node: int) -> NDArray[Any]:
    """Return an input of a network at batch 1: normally distributed, zeros where it takes whole
    numbers.
    """
    definition = graph.definition_of(node)
    if definition is None:
        height, width, channels = input_shapes(graph)[node].tolist()
        type_of = TensorType("float32", (1, channels, height, width))
    else:
        type_of = definition.outputs[0]
    shape, dtype = type_of.shape, type_of.dtype
    if np.dtype(dtype).kind != "f":
        return np.zeros(shape, dtype)
    return np.random.default_rng(node).standard_normal(shape).astype(dtype)


def _onnx_runner(graph: Graph, inputs: Sequence[NDArray[Any]], threads: int) -> Callable[[], Any]:
    import onnxruntime

    from archloom.io.exporting.file import to_onnx

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        to_onnx(graph).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [found.name for found in session.get_inputs()]
    feed = dict(zip(names, inputs, strict=True))
    return lambda: session.run(None, feed)


def _torch_runner(graph: Graph, inputs: Sequence[NDArray[Any]]) -> Callable[[], Any]:
    import torch

    from archloom.execute.module import to_torch

    module = to_torch(graph).eval()
    tensors = [torch.from_numpy(array) for array in inputs]

    def run() -> Any:
        with torch.inference_mode():
            return module(*tensors)

    return run


@contextmanager
def _watched() -> Iterator[None]:
    """Warn when this process was kept waiting for the processor during the block."""
    begun, used = perf_counter(), process_time()
    yield
    waited = 1 - (process_time() - used) / max(perf_counter() - begun, 1e-9)
    if waited > BUSY:
        logger.warning(
            "the machine is busy: for %.0f %% of the time other programs had the processor while "
            "latency was measured. The times are too long; compare those of one measurement only, "
            "or measure again on an idle machine.",
            100 * waited,
        )


@contextmanager
def _threads(timing: Timing) -> Iterator[None]:
    """Bound Torch's threads while it is measured; ONNX Runtime has its own per session."""
    if timing.runtime != "torch":
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(timing.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
