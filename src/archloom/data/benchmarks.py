"""The published tables of measured labels, read as ``BenchmarkTable``; one function per table.

Files are found and checked by ``archloom.data.registry``. ``BENCHMARKS`` names the tables,
``read_benchmark`` reads one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archloom.data import naslib, registry
from archloom.data.benchmark_table import BenchmarkTable, Metric, twin_noise
from archloom.errors import DataError
from archloom.parquet import read_parquet
from archloom.spaces import (
    FAMILIES,
    enas,
    function_class,
    mnasnet,
    nb101,
    nb301,
)
from archloom.spaces.common import Skeleton
from archloom.spaces.ofa_mobile import OFA_MBV3_W10
from archloom.spaces.tnb101.tasks import TASKS

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]

OFA_SIZES = (128, 160, 192)
"""Image sizes at which the Once-for-All subnets were scored."""


class Column(NamedTuple):
    """How a column of a file becomes a metric: ``scale`` turns its unit into ours."""

    column: str
    unit: str = "fraction"
    scale: float = 1.0
    larger_is_better: bool = True


def percent(*columns: str) -> list[Column]:
    """Return columns of accuracies in percent."""
    return [Column(column, "fraction", 0.01) for column in columns]


def milliseconds(*columns: str) -> list[Column]:
    """Return columns of times in milliseconds."""
    return [Column(column, "ms", larger_is_better=False) for column in columns]


def read_benchmark(name: str) -> BenchmarkTable:
    """Return a table of ``BENCHMARKS``.

    Raises ``DataError`` for an unknown name or a missing file, ``FormatError`` for a damaged one.
    """
    if name not in BENCHMARKS:
        raise DataError(f"there is no benchmark {name!r}: choose one of {', '.join(BENCHMARKS)}.")
    return BENCHMARKS[name](name)


def _tnb101(name: str) -> BenchmarkTable:
    """TransNAS-Bench-101: last-epoch scores on seven tasks, one training each."""
    source = _file("transnasbench101_tasks", f"{name.removeprefix('tnb101_')}.parquet")
    columns = [
        *percent("class_scene_top1", "class_object_top1", "jigsaw_top1"),
        Column("room_layout_neg_loss", "minus mean squared error"),
        *percent("segmentsemantic_pixel_acc"),
        Column("normal_ssim", "SSIM"),
        Column("autoencoder_ssim", "SSIM"),
    ]
    return _table(name, name, _texts(source, "arch_str"), source, columns)


def _tnb101_times(name: str) -> BenchmarkTable:
    """TransNAS-Bench-101, cells: time of an inference on seven tasks, dead operations included."""
    source = _file("transnasbench101", "micro_inference_ms.parquet")
    columns = milliseconds(*(f"{task}_ms" for task in TASKS))
    architectures = _texts(source, "arch_str")
    return _table(name, "tnb101_micro", architectures, source, columns, repeated=False)


def _mnasnet(name: str) -> BenchmarkTable:
    """Accel-NASBench: ImageNet accuracy of a short training, speed on six accelerators."""
    source = _file("accel_nasbench", "mnasnet_imagenet.parquet")
    lists = [source[column].to_pylist() for column in ("e", "k", "l", "se")]
    architectures = [mnasnet.from_lists(*row) for row in zip(*lists, strict=True)]
    devices = ("a100", "3090", "tpuv2", "tpuv3", "zcu102", "vck190")
    columns = [
        *percent("val_top1", "val_top5"),
        *milliseconds("latency_zcu102_ms", "latency_vck190_ms"),
        *(Column(f"throughput_{device}_ips", "images/s") for device in devices),
    ]
    split = [part or "" for part in source["split"].to_pylist()]
    return _table(name, mnasnet.FAMILY, architectures, source, columns, split=split)


def _naap(name: str) -> BenchmarkTable:
    """NAAP-440: CIFAR-10 test accuracy. Its published test part was chosen by the labels."""
    source = _file("naap440", "cifar10.parquet")
    columns = ("kernel_size", "width", "stride", "residual")
    rows = zip(*(source[column].to_pylist() for column in columns), strict=True)
    architectures = [
        ",".join(f"k{k}w{w}s{s}r{r}" for k, w, s, r in zip(*layers, strict=True)) for layers in rows
    ]
    split = ["test" if held else "train" for held in source["is_test"].to_pylist()]
    return _table(name, "naap", architectures, source, percent("final_acc", "max_acc"), split=split)


def _enas(name: str) -> BenchmarkTable:
    """ENAS: accuracy with shared weights, which belongs to ``enas.trained``: the class."""
    source = _file("enas_dvae", "weight_sharing.parquet")
    lists = (source[column].to_pylist() for column in ("ops", "skips"))
    architectures = [enas.from_lists(*row) for row in zip(*lists, strict=True)]
    classes = [enas.trained(architecture) for architecture in architectures]
    columns = [Column("ws_acc")]
    return _table(name, "enas", architectures, source, columns, classes=classes, repeated=False)


def _nb101(name: str) -> BenchmarkTable:
    """NAS-Bench-101: CIFAR-10 validation accuracy after 108 epochs, one of three runs each."""
    source = _file("nasbench_suite_zero", "nasbench101.parquet")
    source = source.filter(source["val_acc_108"].is_valid())
    rows = zip(source["adjacency"].to_pylist(), source["ops"].to_pylist(), strict=True)
    architectures = [
        nb101.from_matrix(np.reshape(matrix, (len(ops), -1)).tolist(), ops) for matrix, ops in rows
    ]
    return _table(name, "nb101", architectures, source, percent("val_acc_108"))


def _nb201(
    name: str, dataset: str, file: str, columns: Sequence[Column], repeated: bool = True
) -> BenchmarkTable:
    """NAS-Bench-201: a table of all cells by the index of the benchmark."""
    cells = _file("nasbench201", "accuracy.parquet").select(["arch_index", "arch_str"])
    source = _file(dataset, file)
    order, wanted = (np.argsort(one["arch_index"].to_numpy()) for one in (source, cells))
    index = [one["arch_index"].to_numpy()[rows] for one, rows in ((source, order), (cells, wanted))]
    if not np.array_equal(*index):
        raise DataError(f"{dataset}/{file} does not have the cells of NAS-Bench-201: get it again.")
    architectures = _texts(cells.take(wanted), "arch_str")
    source = source.take(order)
    return _table(name, "nb201", architectures, source, columns, repeated=repeated)


def _nb_macro(name: str) -> BenchmarkTable:
    """NAS-Bench-Macro: mean CIFAR-10 accuracy of three trainings, copied to all twins."""
    source = _file("nasbench_macro", "cifar10.parquet")
    architectures = _texts(source, "arch")
    table = _table(name, "nb_macro", architectures, source, percent("mean_acc"), repeated=False)
    runs = np.stack([_column(source, f"test_acc_{run}") for run in (1, 2, 3)]) / 100
    first = np.unique(table.codes, return_index=True)[1]
    noise = float(np.sqrt(runs[:, first].var(axis=0, ddof=1).mean() / len(runs)))
    return _with_noise(table, noise)


def _darts(name: str) -> BenchmarkTable:
    """DARTS cells trained for 50 epochs (20 cells of 36 channels)."""
    source = _file("darts_pairs", "darts_bench_545.parquet")
    columns = percent("valid_acc50", "valid_acc10")
    return _table(name, "nb301", _genotypes(source), source, columns, skeleton=_DARTS)


def _darts_600(name: str) -> BenchmarkTable:
    """DARTS cells trained for 600 epochs (20 cells of 36 channels)."""
    source = _file("darts_pairs", "darts_random_214.parquet")
    columns = percent("final_test_acc", "best_test_acc")
    return _table(name, "nb301", _genotypes(source), source, columns, skeleton=_DARTS)


def _nb301(name: str) -> BenchmarkTable:
    """NAS-Bench-301: what its surrogate predicts, not a measurement."""
    source = _file("nasbench_suite_zero", "nasbench301.parquet")
    source = source.filter(source["surrogate_val_acc"].is_valid())
    rows = zip(source["normal"].to_pylist(), source["reduce"].to_pylist(), strict=True)
    architectures = [nb301.from_integers(*row) for row in rows]
    return _table(name, "nb301", architectures, source, percent("surrogate_val_acc"))


def _ofa(name: str, file: str, images: int, size: int) -> BenchmarkTable:
    """Once-for-All: ImageNet accuracy at one image size, on a part of the validation images."""
    import pyarrow.compute as pc

    source = _file("ofa_accuracy", file)
    source = source.filter(pc.equal(source["resolution"], size))
    rows = zip(*(source[column].to_pylist() for column in ("d", "ks", "e")), strict=True)
    architectures = [OFA_MBV3_W10.from_lists(*row) for row in rows]
    skeleton = OFA_MBV3_W10.FULL.resized(size)
    columns = [Column("top1")]
    table = _table(name, OFA_MBV3_W10.FAMILY, architectures, source, columns, skeleton=skeleton)
    accuracy = table.values["top1"]
    return _with_noise(table, float(np.sqrt((accuracy * (1 - accuracy)).mean() / images)))


def _more(name: str, space: str, family: str, architecture: Callable[[str], str]) -> BenchmarkTable:
    """Three further data sets, one training per cell; the networks are NASLib's, not ours."""
    import pyarrow.compute as pc

    source = _file("nasbench_suite_zero", "more_datasets.parquet")
    source = source.filter(pc.equal(source["space"], space))
    cells = _texts(source, "arch")
    names = list(dict.fromkeys(cells))
    row = {cell: number for number, cell in enumerate(names)}
    values = {}
    for dataset in ("svhn", "ninapro", "scifar100"):
        part = source.filter(pc.equal(source["dataset"], dataset))
        values[dataset] = np.full(len(names), np.nan)
        places = [row[cell] for cell in _texts(part, "arch")]
        values[dataset][places] = _column(part, "val_acc") / 100
    architectures = tuple(architecture(cell) for cell in names)
    classes = tuple(function_class(family, one) for one in architectures)
    metrics = {
        dataset: Metric("fraction", noise=twin_noise(column, classes))
        for dataset, column in values.items()
    }
    split = ("",) * len(names)
    return BenchmarkTable(name, family, None, architectures, classes, metrics, values, split)


_DARTS = Skeleton("darts", (32, 32, 3), widths=(36, 72, 144), stem=108, repeats=6)
_CIFAR = ("cifar10", "cifar100", "imagenet16_120")
_LATENCIES = (
    *(
        f"{device}_{batch}"
        for device in ("1080ti", "2080ti", "titanx", "titanxp", "titan_rtx")
        for batch in (1, 32, 256)
    ),
    *("gold_6226", "gold_6240", "silver_4114", "silver_4210r", "pixel2", "pixel3"),
    *("samsung_a50", "samsung_s7", "essential_ph_1", "raspi4", "fpga", "eyeriss"),
)
_ATTACKS = (
    *(
        f"{attack}_{strength}"
        for attack in ("apgd_ce", "square", "pgd")
        for strength in ("0.1", "0.5", "1.0", "2.0", "3.0", "4.0", "8.0")
    ),
    *(f"fgsm_{s}" for s in ("0.1", "0.5", *(f"{whole}.0" for whole in (*range(1, 9), 255)))),
)
_DEVICES = ("edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga")
_METERED = ("edgegpu", "eyeriss", "fpga")
"""Devices whose energy was measured too."""

BENCHMARKS: dict[str, Callable[[str], BenchmarkTable]] = {
    "nb101": _nb101,
    "nb201": partial(
        _nb201,
        dataset="nasbench201",
        file="accuracy.parquet",
        columns=percent(
            *(f"{images}_test_acc_200" for images in _CIFAR),
            *(f"{images}_test_acc_12" for images in _CIFAR),
            *(f"{images}_valid_acc_12" for images in _CIFAR),
        ),
    ),
    "nb201_valid": partial(
        _nb201,
        dataset="nasbench_suite_zero",
        file="nasbench201_valid200.parquet",
        columns=percent(*(f"{images}_valid_acc_200" for images in _CIFAR)),
    ),
    "nb201_tasks": partial(
        _nb201,
        dataset="nasbench360_hw",
        file="nasbench201.parquet",
        columns=[*percent("ninapro_acc"), Column("darcy_score", "score")],
    ),
    "nb201_robustness": partial(
        _nb201,
        dataset="hw_nas_bench",
        file="nasbench201_robustness.parquet",
        columns=percent("cifar10_valid_acc", *_ATTACKS),
    ),
    "nb201_latency": partial(
        _nb201,
        dataset="nasbench201",
        file="latency_ms.parquet",
        columns=milliseconds(*(f"lat_{device}" for device in _LATENCIES)),
        repeated=False,
    ),
    "nb201_hardware": partial(
        _nb201,
        dataset="hw_nas_bench",
        file="nasbench201.parquet",
        columns=[
            *milliseconds(*(f"{i}_{device}_latency" for i in _CIFAR for device in _DEVICES)),
            *(
                Column(f"{images}_{device}_energy", "mJ", larger_is_better=False)
                for images in _CIFAR
                for device in _METERED
            ),
        ],
        repeated=False,
    ),
    "nb201_more": partial(
        _more, space="nasbench201", family="nb201", architecture=naslib.nb201_cell
    ),
    "nb301": _nb301,
    "darts": _darts,
    "darts_600": _darts_600,
    "darts_more": partial(
        _more, space="nasbench301", family="nb301", architecture=naslib.darts_cells
    ),
    "nb_macro": _nb_macro,
    "tnb101_micro": _tnb101,
    "tnb101_macro": _tnb101,
    "tnb101_micro_times": _tnb101_times,
    "tnb101_micro_more": partial(
        _more, space="transbench101_micro", family="tnb101_micro", architecture=naslib.tnb101_cell
    ),
    "mnasnet": _mnasnet,
    "naap": _naap,
    "enas": _enas,
    **{
        f"{kind}_{size}": partial(_ofa, file=f"{kind}_mbv3_w10.parquet", images=images, size=size)
        for kind, images in (("ofa", 12_500), ("compofa", 6_250))
        for size in OFA_SIZES
    },
}
"""The tables by name, each a function of it."""


def _file(dataset: str, file: str) -> pa.Table:
    return read_parquet(registry.find(dataset, file), "fetch it again")


def _texts(source: pa.Table, column: str) -> list[str]:
    return [str(text) for text in source[column].to_pylist()]


def _genotypes(source: pa.Table) -> list[str]:
    return [nb301.from_genotype(text) for text in _texts(source, "genotype")]


def _column(source: pa.Table, column: str) -> Floats:
    """Return a column as float64, NaN where it is empty."""
    import pyarrow as pa

    values: Floats = source[column].cast(pa.float64()).to_numpy()
    return values


def _with_noise(table: BenchmarkTable, noise: float) -> BenchmarkTable:
    """Return the table with this noise of its accuracies."""
    metrics = {name: replace(metric, noise=noise) for name, metric in table.metrics.items()}
    return replace(table, metrics=metrics)


def _table(
    name: str,
    family: str,
    architectures: Sequence[str],
    source: pa.Table,
    columns: Iterable[Column],
    *,
    skeleton: Skeleton | None = None,
    split: Sequence[str] = (),
    classes: Sequence[str] = (),
    repeated: bool = True,
) -> BenchmarkTable:
    """Return the table of a file.

    repeated  whether twins tell the noise: they were measured each, not copied, and what is
              measured does not depend on dead operations, as times do
    """
    classes = tuple(classes or (function_class(family, one) for one in architectures))
    metrics, values = {}, {}
    for column, unit, scale, larger_is_better in columns:
        values[column] = _column(source, column) * scale
        noise = twin_noise(values[column], classes) if repeated else None
        metrics[column] = Metric(unit, larger_is_better, noise)
    return BenchmarkTable(
        name,
        family,
        skeleton or FAMILIES[family].FULL,
        tuple(architectures),
        classes,
        metrics,
        values,
        tuple(split) or ("",) * len(architectures),
    )
