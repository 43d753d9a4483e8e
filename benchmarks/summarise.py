"""Write ``docs/results.md`` from the result files.

python benchmarks/summarise.py
"""

import json
import statistics
from collections.abc import Iterable
from pathlib import Path

from archloom.files import write_text

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"

HEAD = """# Results

Made by `python benchmarks/summarise.py` from the files in `benchmarks/results/`, each written by
the script `benchmarks/bench_NAME.py`. Reference figures are those of the AutoGO code, measured on
comparable work.
"""


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


def goldens() -> str:
    """Return the agreement with the reference's published artefacts."""
    cut, shapes = figures("segmentation")["goldens"], figures("shape_propagation")["legacy"]
    predicted, onnx = figures("predictor_golden"), figures("onnx_parity")
    rows = [
        ["segmentation, full vocabulary", f"{cut['full']} of {cut['graphs']} graphs"],
        ["segmentation, sparse vocabulary", f"{cut['sparse']} of {cut['graphs']} graphs"],
        [
            "shape propagation, status and objective (legacy rules)",
            f"{shapes['status_and_objective_as_golden']} of {shapes['cases']} cases",
        ],
    ]
    for kind in ("gnn", "gnn_fixed_norm", "psc", "psc_fixed_norm"):
        found = predicted[kind]
        words = f"{found['within_tolerance']} of {found['predictions']} within 1e-4"
        rows.append(
            [f"predictions, {kind}", f"{words}, largest error {found['largest_error']:.1e}"]
        )
    worst = f"{len(onnx['graphs'])} graphs, largest difference {onnx['worst']:.1e}"
    rows.append(["ONNX in onnxruntime against PyTorch", worst])
    return "## Agreement with the published artefacts\n\n" + table(["what", "agreement"], rows)


def search() -> str:
    """Return the speed of the search."""
    rows = [
        [
            name,
            one["unique_per_second"],
            one["reference_unique_per_second"],
            f"{one['times_faster']}x",
            one["peak_memory_mb"],
            one["scoring_ms_per_triple"],
            "yes" if one["same_front_with_two_processes"] else "no",
        ]
        for name, one in figures("search").items()
    ]
    head = ["input", "unique children/s", "reference", "ratio", "peak MB", "ms per score"]
    head.append("same front with two processes")
    long = figures("search")["nb201_best"]["long_run"]
    resident = long["resident_mb_by_iteration"]
    memory = (
        f"Resident memory over {len(resident)} iterations from nb201_best ({long['visited']:,} "
        f"graphs "
        f"visited): {resident[0]} MB after the first, {resident[2]} after the third, "
        f"{resident[-1]} "
        "after the last."
    )
    return (
        "## Search, one core\n\nPublished graph, vocabulary and PSC checkpoint; 3 iterations, "
        "top_k 3, 10 "
        "regions x 100 replacements.\n\n" + table(head, rows) + f"\n\n{memory}"
    )


def winners() -> str:
    """Return whether the released winners are reached."""
    rows = []
    for family, one in figures("published_winners").items():
        target, runs = one["released_winner"], one["runs"]
        reached = sum(run["reached"] for run in runs)
        best = max(run["that_is_better_in_both"][0] for run in runs if run["reached"])
        rows.append(
            [
                family,
                f"{one['input']['score']:.4f} / {one['input']['flops'] / 1e6:.1f}",
                f"{target['score']:.4f} / {target['flops'] / 1e6:.1f}",
                f"{reached} of {len(runs)}",
                f"{best:.4f}",
                f"{max(run['seconds'] for run in runs):.0f}",
            ]
        )
    head = ["family", "input: score / MFLOPs", "released winner", "seeds that reach it in both"]
    head += ["best such score", "seconds, slowest"]
    return (
        "## Against the released winners\n\nGNN checkpoint, constant normalisers, default budget. "
        "Scores are "
        "predictions. The winners are not in the segment database. For nb201 and hiaml the "
        "released "
        "winner scores below its own input under this predictor.\n\n" + table(head, rows)
    )


def score_order() -> str:
    """Return what wrongly assigned scores cost."""
    rows = [
        [
            {"ours": "ours", "shuffled": "scores of shuffled children"}[label],
            ", ".join(f"{run['honest_best']:.4f}" for run in runs),
            ", ".join(
                f"{run['members_honestly_above_the_input']}/{run['members']}" for run in runs
            ),
        ]
        for label, runs in figures("score_order").items()
    ]
    head = ["search", "best score, re-scored", "front members above the input"]
    return (
        "## Scores for the right children\n\nThe reference returned predictions in the order of "
        "shuffled "
        "batches. The same search from hiaml_best with and without such a shuffle, fronts "
        "re-scored one by "
        "one, three seeds. (The reference re-scores at its accept test, so its loss is "
        "smaller.)\n\n"
        + table(head, rows)
        + "\n\n![fronts of both searches](../benchmarks/results/score_order.svg)"
    )


def predictors() -> str:
    """Return the quality of the predictors on NB-201."""
    rows = []
    for name, one in figures("predictor_nb201").items():
        found = one["test"]["all"]
        folds = found.get("folds", {}).get("mean")
        above = one["test"]["above_chance"]["srcc"]
        rows.append(
            [
                name,
                one["graphs"]["train"],
                one["settings"]["epochs"],
                f"{found['srcc']:.3f}",
                "" if folds is None else f"{folds:.3f}",
                f"{above:.3f}",
                f"{one['cpu_s']:.0f}",
            ]
        )
    head = ["predictor", "training graphs", "epochs", "test SRCC", "mean of folds"]
    head += ["SRCC above chance level", "CPU s"]
    speed = figures("psc_speed")
    costs = [
        [f"score of a triple, {name}, ms", f"{one['per_triple_ms']:.3f}", "2.2"]
        for name, one in speed["scoring"].items()
    ]
    costs += [
        [f"training, {name}, ms", f"{one['ms_per_instance_and_epoch']:.3f}", "1.25"]
        for name, one in speed["training"].items()
        if isinstance(one, dict)
    ]
    return (
        "## Predictors on NB-201\n\n200-epoch CIFAR-10 accuracies, split by isomorphism class, "
        "one seed; PSC "
        "trains on the share of instances given in the result file.\n\n"
        + table(head, rows)
        + "\n\nSpeed on one core, processor time; training per NB-201 instance and epoch:\n\n"
        + table(["what", "ours", "reference"], costs)
    )


def five_runs() -> str:
    """Return mean and spread of the rank correlation, as in the paper's table 1."""
    rows = [
        [
            kind,
            found["settings"]["epochs"],
            f"{found['mean']:.3f} ± {found['std']:.3f}",
            f"{sum(run['cpu_s'] for run in found['runs']) / len(found['runs']):.0f}",
        ]
        for kind, found in figures("predictor_table1")["NB-201"].items()
    ]
    return (
        "### Five runs, fewer epochs\n\nAs the row NB-201 of the paper's table 1: seeds change "
        "split, weights and instances. PSC is scored by single instances in folds.\n\n"
        + table(["predictor", "epochs", "test SRCC", "CPU s per run"], rows)
    )


def training() -> str:
    """Return the time of a training step by precision and layout."""
    document = result("training_step")
    by_case = document["figures"]["ms_per_step"]
    rows = [[case, *(one[case] for one in by_case.values())] for case in by_case["nb201"]]
    return (
        f"## Training on images of 32x32\n\n{document['note'].capitalize()}, one "
        "thread.\n\n" + table(["precision, layout", *(f"{name}, ms" for name in by_case)], rows)
    )


def few_images() -> str:
    """Return that both CIFAR-10 recipes learn."""
    document = result("cifar10_cpu")
    rows = [
        [
            name,
            f"{one['loss_by_epoch'][0]:.2f}",
            f"{one['loss_by_epoch'][-1]:.2f}",
            f"{one['accuracy_percent']:.1f}",
            f"{one['seconds']:.0f}",
        ]
        for name, one in document["figures"].items()
    ]
    return (
        f"### Both CIFAR-10 recipes in small\n\n{document['note']}, one thread. Running statistics "
        "of batch norms follow slowly in the paper's recipe, so few steps leave them behind.\n\n"
        + table(["recipe", "first loss", "last loss", "test accuracy, %", "s"], rows)
    )


def speed() -> str:
    """Return the remaining speeds."""
    shapes, cells, store = figures("shape_propagation"), figures("nb201_all"), figures("store")
    large = store["large"]
    rows = [
        [
            "shape propagation, median ms per golden case, model building included",
            f"{shapes['legacy']['cold_ms']['median']} (legacy), "
            f"{shapes['corrected']['cold_ms']['median']} (ours)",
            "8.3 to 9.1",
        ],
        ["the same, memoised", shapes["corrected"]["memoised_ms"]["median"], ""],
        [
            "golden cases that reach HiGHS after reduction",
            f"{shapes['legacy']['cases_that_reach_highs']} (legacy), "
            f"{shapes['corrected']['cases_that_reach_highs']} (ours) of "
            f"{shapes['legacy']['cases']}",
            "",
        ],
        [
            f"all {cells['graphs']:,} NB-201 graphs built, hashed and stored, s",
            cells["all"]["wall_s"],
            "",
        ],
        ["reading a graph from a store, ms", store["read_ms"], ""],
        [f"opening a store of {large['graphs']:,} graphs, ms", large["open_ms"], ""],
    ]
    return "## Other speeds\n\n" + table(["what", "ours", "reference"], rows)


def families() -> str:
    """Return what building the families' graphs takes."""
    found = figures("families")
    rows = [
        [
            name,
            f"{one['build_ms']['benchmark']} / {one['build_ms']['upstream']}",
            one["nodes"],
            one["parameters_m"],
            one["mac_gflops"],
            f"{100 * one['with_fixed_nodes'] / one['graphs']:.0f} %",
        ]
        for name, one in found["families"].items()
    ]
    head = ["family", "ms per graph, benchmark / upstream", "nodes", "parameters, M"]
    head += ["GFLOPs (2 x MAC)", "with fixed nodes"]
    cells = found["nb101_enumeration"]
    return (
        "## Families\n\nArchitecture string to graph, full skeleton, processor time of one thread; "
        "means of random networks.\n\n"
        + table(head, rows)
        + f"\n\nAll {cells['cells']:,} classes of NAS-Bench-101 cells: {cells['classes_s']} s and "
        f"{cells['peak_adds_mb']} MB at most; as strings {cells['strings_s']} s more."
    )


def report_page() -> str:
    """Return the size of a large report and how soon it answers."""
    one = figures("report_page")
    rows = [
        ["size of the page, MB", f"{one['page_bytes'] / 1e6:.1f}"],
        ["pictures it holds, uncompressed, MB", f"{one['pictures_bytes'] / 1e6:.1f}"],
        ["opened after, ms", one["open_ms"]],
        ["changes of a member drawn after, ms", one["changes_ms"]],
        ["both whole networks drawn after, ms", one["whole_ms"]],
    ]
    head = ["headless Chromium, medians", "figure"]
    return (
        f"## The report of a large front\n\n{one['members']} members of a network of "
        f"{one['nodes']} nodes in which every block changed, {one['graphs_scored']:,} graphs "
        "scored.\n\n" + table(head, rows)
    )


def deployment() -> str:
    """Return searches on networks for ImageNet-sized pictures: speed, weights, latency."""
    large, found = figures("resnet50_search"), figures("latency_search")
    agreement, fastest = found["agreement"], found["fastest"]
    rows = [
        ["one mutation round of one parent, s", large["round_seconds_median"]],
        ["the same, published, s", large["paper_seconds"]],
        [
            "children per round",
            f"{min(large['children_per_round'])} to {max(large['children_per_round'])}",
        ],
        [f"search of {large['search']['iterations']} iterations, s", large["search"]["seconds"]],
        ["graphs scored in it", f"{large['search']['visited']:,}"],
        ["parameters that the winner keeps", f"{100 * large['coverage']['winner']:.1f} %"],
        ["least of the front", f"{100 * large['coverage']['least']:.1f} %"],
    ]
    first = found["front"][0]
    timed = [
        [
            title,
            f"{one['score']:.4f}",
            f"{one['estimated_change_percent']:+.1f} %",
            f"{one['measured_change_percent']:+.1f} %",
        ]
        for title, one in (
            ("best score", first),
            ("lowest latency", min(found["front"], key=lambda one: one["measured_change_percent"])),
        )
    ]
    again = ", ".join(
        f"{name} {fastest[name]['change_percent']:+.1f} % ({fastest[name]['own_ms']} ms, input "
        f"{fastest[name]['input_ms']} ms)"
        for name in ("onnxruntime", "torch")
    )
    return (
        "## Networks of ImageNet size, one core\n\nPublished resnet50 (224 x 224), vocabulary and "
        "PSC checkpoint, operations of generic_noDW.\n\n"
        + table(["resnet50", "figure"], rows)
        + "\n\nA ResNet-18 (224 x 224), objectives predicted score and latency (ONNX Runtime, one "
        f"thread), target 15 % less: {found['visited']:,} graphs in {found['seconds']:.0f} s, for "
        f"which {found['operators_measured']} operators were measured. Estimated and measured "
        f"change of the {len(found['front'])} front members: rank correlation "
        f"{agreement['spearman']:.2f}, median difference "
        f"{agreement['median_difference_points']:.1f} points. Input score "
        f"{found['input']['score']:.4f}.\n\n"
        + table(["front member", "score", "latency, estimated", "latency, measured"], timed)
        + f"\n\nThe fastest once more, 41 rounds: {again}. The input is "
        f"{found['input']['range']}; whether a variant is as accurate has to be trained."
    )


def combined() -> str:
    """Return cost and content of the vocabulary and segments of five families."""
    found = figures("combined_segments")
    corpora, published, index = found["corpora"], found["published"], found["index"]
    costs = [
        [
            f"vocabulary and database, {title}",
            f"{one['cost']['wall_s']:.0f}",
            f"{one['cost']['cpu_s']:.0f}",
            one["cost"]["peak_mb"],
            "",
        ]
        for title, one in (
            ("published encoding", corpora["published_encoding"]),
            ("sorted neighbours", corpora["sorted_neighbours"]),
        )
    ]
    size = f"{index['disk_mb']} MB on disk"
    costs.append(
        [f"P/S/C index, {index['all_instances']:,} instances"]
        + [f"{index['wall_s']:.0f}", f"{index['cpu_s']:.0f}", index["peak_mb"], size]
    )
    own = (corpora["published_encoding"], corpora["sorted_neighbours"])
    columns = [published["vocabulary"], found["all_nb201_cells"]]
    columns += [corpora["form_of_the_caches"]["vocabulary"], *(one["vocabulary"] for one in own)]
    rows = [
        [title, *(f"{one[key]:,}" for one in columns)]
        for title, key in (
            ("symbols", "labels"),
            ("of them published", "labels_shared"),
            ("merges", "merges"),
            ("of them published", "merges_shared"),
            ("distinct sequences of operations", "op_sequences"),
        )
    ]
    rows.append(["first merges", *("; ".join(one["first_merges"]) for one in columns)])
    head = ["", "published", "caches' form, all NB-201 cells", "caches' form"]
    head += ["our graphs, published encoding", "our graphs, sorted neighbours"]
    cut = published["database_of_our_graphs"]["segment"]
    kinds = [
        [
            title,
            one["topologies"],
            one["op_level"]["topologies"],
            f"{one['op_level']['mean_nodes']:.1f} / {one['op_level']['mean_edges']:.1f}",
            f"{one['instances']:,}",
        ]
        for title, one in (
            ("published vocabulary, our networks in the caches' form", cut),
            *((t, o["database"]["segment"]) for t, o in zip(head[-2:], own, strict=True)),
        )
    ]
    kinds.insert(0, ["paper", "", 428, "5 / 3", ""])
    counts = [
        [family, f"{found['networks'][family]:,}", f"{paper:,}", f"{cut['per_family'][family]:,}"]
        for family, paper in published["paper_instances"].items()
    ]
    total = sum(found["networks"].values())
    return (
        f"## Combined vocabulary\n\nFive families, {total:,} networks of "
        f"{found['nodes'] / 1e6:.1f} million nodes by our own generators, vocabulary of 2,000, one "
        f"core (load of the machine at the start: {found['load_at_start']}). The paper needed less "
        "than 20 minutes and about 10 GB for the first step. What the columns mean is on the "
        "[page on segments](segments.md).\n\n"
        + table(["step", "s", "CPU s", "peak MB", ""], costs)
        + "\n\n"
        + table(head, rows)
        + "\n\n![lengths of merges](../benchmarks/results/combined_merges.svg)\n\n"
        + table(
            ["segments", "topologies", "by operations and edges", "nodes / edges", "instances"],
            kinds,
        )
        + "\n\nInstances under the published vocabulary:\n\n"
        + table(["family", "networks", "paper", "ours"], counts)
    )


def imports() -> str:
    """Return how the networks of the import suite fare."""
    files, modules = figures("import"), figures("import_torch")
    suite = files["suite"]
    error = max(max(one["run_error"], one["export_error"]) for one in suite.values())
    whole = sum(one["share_in_vocabulary"] == 1 for one in suite.values())
    rows = [
        ["ONNX files: imported, run, exported, imported again", files["pass"], files["networks"]],
        [
            "PyTorch modules: imported with equal outputs",
            modules["equal_outputs"],
            modules["modules"],
        ],
    ]
    large = ", ".join(
        f"{name} of {one['onnx_nodes']:,} nodes {one['seconds']} s"
        for name, one in files["speed"].items()
    )
    return (
        "## Imported networks\n\n"
        "Networks of many kinds from ONNX files and PyTorch modules, compared with ONNX Runtime on "
        "the file and with the module; a graph has to come back the same from its own export. The "
        f"largest error relative to the largest output is {error:.0e} for files and "
        f"{modules['largest_error']:.0e} for modules. {whole} of the files consist of nodes of the "
        f"vocabulary alone. Import of large files: {large}.\n\n"
        + table(["networks", "pass", "of"], rows)
    )


def planning() -> str:
    """Return how long Snakemake plans, and what the full scale takes."""
    found, slurm = figures("workflow"), figures("slurm_suite")
    plan = found["plan"]
    rows = [
        [f"`snakemake -n {target}`", jobs, f"{one['cpu_s']:.1f}", f"{one['wall_s']:.1f}"]
        for target, jobs, one in (
            ("results/autogo/nb201", "0, all is there", found["finished"]),
            ("everything", f"{plan['total']['jobs']:,}", found["full"]),
        )
    ]
    stages = [
        [
            stage["rule"],
            f"{stage['jobs']:,}",
            f"{stage['core_hours']:,.0f}",
            f"{stage['gpu_hours']:,.0f}",
            f"{stage['longest'] / 60:.1f}",
            f"{stage['written'] / 1e9:,.0f}",
            "assumed speed of one GPU" if stage["is_assumed"] else "measurements",
        ]
        for stage in [*plan["stages"], plan["total"]]
    ]
    head = ["stage", "jobs", "core h", "GPU h", "longest job, h", "writes, GB", "hours from"]
    return (
        "## Planning, and the Slurm suite\n\nDry runs in a copy whose jobs do nothing; load of "
        f"the two cores {found['load']:.0f}.\n\n"
        + table(["dry run", "jobs to run", "CPU s", "wall s"], rows)
        + "\n\nWhat `archloom plan everything --configfile config/full.yaml` plans: stages of an "
        "hour or more. Upper bounds; nothing of it was run.\n\n"
        + table(head, stages)
        + f"\n\n`make test-slurm`, {slurm['tests']} tests that begin with the installation of "
        f"Slurm: {slurm['seconds'] / 60:.1f} min."
    )


def labels() -> str:
    """Return what the digits labels are worth."""
    facts = json.loads((ROOT / "labels" / "digits" / "recipe.json").read_text(encoding="utf-8"))
    rows = []
    for family, one in facts["families"].items():
        noise = one["noise_above_chance"]
        rows.append(
            [
                family,
                one["graphs"],
                one["trainings"],
                f"{one['accuracy']['min']:.3f} / {one['accuracy']['median']:.3f} / "
                f"{one['accuracy']['max']:.3f}",
                f"{noise['graph_std']:.4f}",
                f"{noise['seed_std']:.4f}",
                f"{noise['reliability']:.2f}",
                f"{one['seconds']['median']:.1f}",
            ]
        )
    head = ["family", "graphs", "trainings", "accuracy min / median / max", "std of graphs"]
    head += ["std of seeds", "reliability", "s per training"]
    return (
        "## Digits labels\n\n"
        + f"{facts['what'][0].upper()}{facts['what'][1:]}. Standard deviations leave out graphs at "
        "chance level. The HiAML labels are mostly seed noise at this scale.\n\n"
        + table(head, rows)
    )


def autobuild() -> str:
    """Return the quality and speed of AutoBuild's predictor and of its rankings of units."""
    found = figures("autobuild")
    families, published = found["families"], found["published"].values()
    by = {"norms": "norms", "contexts": f"{found['contexts']} contexts"}
    trained = [
        [
            family,
            f"{some['layer']}, {some['epochs']}, {one['seed']}",
            f"{one['training_cpu_s']:.0f}",
            f"{one['srcc']:.3f}",
            _slashed(one["srcc_per_hop"]),
        ]
        for family, some in families.items()
        for one in some["runs"]
    ]
    ranked = []
    for family, some in families.items():
        random = found["random"][family.split(",")[0]]
        reached = f"{random['mean']:.4f}, {random['max']:.4f}"
        for key, name in by.items():
            judged = {f"seed {one['seed']}": one[key] for one in some["runs"]}
            seeds = some.get(f"seeds_by_{key}")
            if seeds:
                judged["mean of all"] = seeds["mean_ranking"]
            agreed = _slashed(seeds["spearman_by_unit"]) if seeds else "-"
            ranked += [
                [
                    f"{family}, {name}, {whose}",
                    _slashed(one["agreement_by_unit"]),
                    agreed if whose.startswith("mean") else "",
                    f"{one['built']['mean']:.4f}",
                    reached,
                ]
                for whose, one in judged.items()
            ]
    worst = max(one["largest_relative_error"] for one in published)
    times = ", ".join(
        f"{some['units']:,} of {family} in {max(one[key]['scoring_cpu_s'] for one in some['runs'])}"
        f" s by {name}"
        for family, some in families.items()
        for key, name in by.items()
    )
    rank = found["soft_rank_ms"]
    return (
        "## AutoBuild\n\nThe eight published predictors on the networks of their family: largest "
        f"relative difference from the recorded predictions {worst:.1e}.\n\nPredictors trained "
        "on 2,700 pseudo-labelled networks each, target accuracy, one thread. "
        "Labels and judge are the published predictors, so this is consistency, not "
        "ImageNet accuracy.\n\n"
        + table(
            ["family", "layer, epochs, seed", "training, CPU s", "test SRCC", "of norms, hops 0-4"],
            trained,
        )
        + "\n\nA unit's effect is the mean accuracy of 40 networks that it is put into, compared "
        "with its score over 60 random units of each stage; the best 5 of each stage build 3,125 "
        "networks. Units are scored by norms, as published, or by predictions for networks that "
        "they are put into. Seeds, unit by unit: mean rank correlation of all pairs of seeds.\n\n"
        + table(
            [
                "ranking",
                "units against their effect",
                "seeds, unit by unit",
                "best units build",
                "random networks, mean and best",
            ],
            ranked,
        )
        + f"\n\nProcessor time for all units: {times}. Soft rank of 128 values, forward and "
        f"backward: median {rank['in_training']['median']} ms as the training calls it, "
        f"{rank['with_tape']['median']} ms through PyTorch's tape."
    )


def _slashed(values: list[float]) -> str:
    return " / ".join(f"{value:.2f}" for value in values)


def autobuild_labels() -> str:
    """Return what AutoBuild learns from measured labels, beside the truth and a regression."""
    found = figures("autobuild_labels")
    parts = {
        "nb_macro": _tabulated_spaces,
        "nb201_latency": _tabulated_latencies,
        "ofa_accuracy": _supernet_labels,
        "fpga": _fpga_blocks,
    }
    return (
        "## AutoBuild on measured labels\n\nBeside it stands a least-squares regression that adds "
        "up an effect of every block at its place and learns from the same networks. "
        + "\n\n".join(part(found) for name, part in parts.items() if name in found)
    )


def _tabulated_spaces(found: dict) -> str:
    """Return how well units are ranked where every network is measured."""
    scorings, settings = ("autobuild", "in_contexts", "regression"), found["settings"]
    rows = [
        [
            f"{name}, {target}",
            *(f"{one['srcc'][who]['mean']:.3f}" for who in ("autobuild", "regression")),
            *(f"{_mean_of(one[who]['agreement']):.2f}" for who in (*scorings, "mean_of_seeds")),
            *(f"{100 * _mean_of(one[who]['in_best']):.0f}" for who in (*scorings, "chance")),
            *(f"{_number_of(one[who]['space']['best']):.2f}" for who in (*scorings, "chance")),
            f"{one['chance']['all']['best']:.2f}",
        ]
        for name, part in (("NB-201", "nb201"), ("NB-Macro", "nb_macro"))
        for target, one in found.get(part, {}).items()
    ]
    head = ["table", "SRCC", "regression", "units: norms", "contexts", "regression"]
    head += ["norms, mean of seeds", "in best, %: norms", "contexts", "regression", "chance"]
    head += ["best built: norms", "contexts", "regression", "chance", "best of all"]
    return (
        "NAS-Bench-201 and NAS-Bench-Macro are measured in full: from "
        f"{settings['samples']['nb201']:,} and {settings['samples']['nb_macro']} networks the "
        "units of every place are ranked and compared with the mean of all networks that have the "
        "unit (rank correlation, mean over the three places): by norms as in the paper, and in "
        f"contexts, by the mean prediction for {settings['contexts']} networks. In best: share of "
        f"the best {100 * settings['best']:.0f} % of networks whose unit is among the "
        f"{100 * settings['kept']:.0f} % best-ranked. Best built: the best network made of these "
        "units alone, accuracy in %. Means over the seeds; how far these differ is in the "
        "result file.\n\n" + table(head, rows)
    )


def _tabulated_latencies(found: dict) -> str:
    """Return the same of all latencies of NAS-Bench-201, in one sentence."""
    times = list(found["nb201_latency"].values())
    units = {
        who: statistics.median(_mean_of(one[who]["agreement"]) for one in times)
        for who in ("autobuild", "in_contexts", "regression")
    }
    srcc = {
        who: statistics.median(one["srcc"][who]["mean"] for one in times)
        for who in ("autobuild", "regression")
    }
    return (
        f"Latencies of NAS-Bench-201 on {len(times)} device settings, from "
        f"{found['settings']['latency_sample']} cells each, medians: rank correlation of "
        f"predictions {srcc['autobuild']:.3f} (regression {srcc['regression']:.3f}); of units by "
        f"norms {units['autobuild']:.2f}, in contexts {units['in_contexts']:.2f} (regression "
        f"{units['regression']:.2f})."
    )


def _supernet_labels(found: dict) -> str:
    """Return what is learnt from accuracies and latencies of Once-for-All networks."""
    rows = [
        [
            name,
            *(
                f"{one[key]['autobuild']['mean']:.3f} / {one[key]['regression']['mean']:.3f}"
                for key in ("srcc", "srcc_at_one_size")
            ),
            " / ".join(
                f"{one['srcc_at_one_size'][f'sum_of_{who}_units']['mean']:.3f}"
                for who in ("autobuild", "regression")
            ),
        ]
        for part in ("ofa_accuracy", "ofa_latency")
        for name, one in found.get(part, {}).items()
    ]
    head = ["labels", "SRCC", "at one resolution", "sum of units at one resolution"]
    return (
        "Once-for-All MobileNetV3, AutoBuild / regression: ImageNet accuracies of three "
        "super-networks at several resolutions, each of an eighth or a quarter of the validation "
        f"images, and latencies of {found['settings']['gpu_networks']:,} networks. Rank "
        "correlation on a tenth that was kept apart, overall and among networks of one resolution; "
        "and of the sum of the units' scores (by norms) with the label among these.\n\n"
        + table(head, rows)
    )


def _fpga_blocks(found: dict) -> str:
    """Return how units are ranked where the times of all blocks are measured."""
    blocks = found["fpga"]
    rows = [
        [
            stage + 1,
            *(
                _plus_minus(blocks[key][stage])
                for key in ("agreement", "agreement_of_three_blocks")
            ),
            _plus_minus(blocks["top_fifty_in_true_top_five_hundred"][stage]),
        ]
        for stage in range(5)
    ]
    return (
        "Blocks of MobileNetV3 on an FPGA: a network's label is minus the sum of the measured "
        "times of its blocks, so the truth of all units is known. From "
        f"{found['settings']['fpga_networks']:,} networks, rank correlation of units (by norms) "
        "with their true time, among all and among those of three blocks; and the share of the 50 "
        "best-ranked that are truly among the best 500 (chance 0.07). SRCC of predictions: "
        f"{_plus_minus(blocks['srcc'])}.\n\n"
        + table(["stage", "all units", "three blocks", "50 in 500"], rows)
    )


def _number_of(value: dict | float) -> float:
    """Return a figure, or its mean over seeds."""
    return value["mean"] if isinstance(value, dict) else value


def _mean_of(values: list) -> float:
    """Return the mean of figures or of their means over seeds."""
    return statistics.mean(map(_number_of, values))


def _plus_minus(value: dict) -> str:
    """Return mean and standard deviation over seeds."""
    return f"{value['mean']:.3f} ± {value['std']:.3f}"


def autobuild_operators() -> str:
    """Return what AutoBuild's predictor is worth on graphs of operators."""
    found = figures("autobuild_operators")
    built = [
        f"{one['networks']:,} networks of {family}, {one['nodes']:,} nodes in "
        f"{one['classes_by_hop'][-1]:,} classes: built in {one['build_cpu_s']:.1f} s, converted in "
        f"{one['view_cpu_s']:.1f} s"
        for family, one in found["view"].items()
    ]
    rows = [
        [
            family,
            f"{one['layer']}, {one['epochs']}, {one['seed']}",
            f"{one['networks'] - one['test_networks']:,} / {one['test_networks']}",
            f"{one['cpu_s']:.0f}",
            f"{one['srcc']:.3f}",
            " / ".join(f"{value:.2f}" for value in one["srcc_per_hop"]),
        ]
        for family, some in found["predictors"].items()
        for one in some
    ]
    head = ["networks", "layer, epochs, seed", "train / test", "CPU s", "test SRCC"]
    head += ["of norms, hops 0 to 4"]
    effects = [
        [
            family,
            one["blocks"],
            _listed(seed["all"] for seed in one["agreement_by_seed"]),
            _listed(seed["within_stages"] for seed in one["agreement_by_seed"]),
            _listed(one["between_seeds"]),
        ]
        for family, one in found["importance_of_blocks"].items()
    ]
    parts = found["segments"]
    searches = [
        [
            family,
            budget,
            *("{:.3g} ± {:.2g}".format(*volume[name]) for name in ("uniform", "by importance")),
            f"{volume['seeds_won']} of {volume['seeds']}",
            f"{volume['p']:.2f}",
        ]
        for family, one in parts["families"].items()
        for budget, volume in one["hypervolume"].items()
    ]
    between = "; ".join(
        f"{family} {_listed(one['rankings_of_segments_between_seeds'])}"
        for family, one in parts["families"].items()
    )
    return (
        f"## AutoBuild on graphs of operators\n\n{'; '.join(built)} (processor time, one thread)."
        "\n\nLabels of the Once-for-All families are pseudo-labels of the published predictors, "
        "those of the benchmark CIFAR-10 accuracies split by isomorphism class, digits labels are "
        "noisy. Other work ran on the machine.\n\n"
        + table(head, rows)
        + "\n\nImportance of blocks, the mean over their nodes, against their effect: the accuracy "
        "that the published predictor loses when the block becomes e3k3. Rank correlations per "
        "seed; and of the importance of all nodes between pairs of seeds.\n\n"
        + table(["networks", "blocks", "all", "within stages", "between seeds"], effects)
        + "\n\nSearches that draw segments by importance, or uniformly as in the paper: "
        f"{parts['instances']:,} segments of {parts['topologies']:,} topologies from networks with "
        "digits labels, from the median network, a GNN predictor scores. Hypervolume of the graphs "
        "scored first (thousandths of predicted accuracy above the input's, times share of FLOPs "
        "saved below 110 %), mean and standard deviation over the seeds, Wilcoxon's signed-rank "
        "test.\n\n"
        + table(["family", "graphs", "uniform", "by importance", "seeds won", "p"], searches)
        + f"\n\nRank correlation of the segments' scores between pairs of seeds: {between}."
    )


def _listed(values: Iterable[float]) -> str:
    """Return rank correlations as text."""
    return ", ".join(f"{value:.2f}" for value in values)


def autobuild_search() -> str:
    """Return AutoBuild's search against its baselines."""
    found = figures("autobuild_search")
    cases, k, evaluations = found["cases"], found["k"], found["evaluations"]
    rows, tests = [], []
    for case, one in cases.items():
        methods, accuracy = one["methods"], one["worst"][0]
        volumes = [f"{own['mean']:.4f} ± {own['std']:.4f}" for own in methods.values()]
        rows.append([case, f"{accuracy}, {one['worst'][1]:g} ms", *volumes])
        for pair in one["pairs"]:
            seeds = len(methods[pair["better"]]["by_seed"])
            numbers = [f"{pair['difference']:+.4f}", f"{pair['wins']} of {seeds}"]
            numbers += [f"{pair[name]:.1g}" for name in ("t_test_p", "wilcoxon_p")]
            tests.append([case, f"{pair['better']} over {pair['than']}", *numbers])
    methods = next(iter(cases.values()))["methods"]
    budgets = [evaluations * (i + 1) // 5 for i in range(5)]
    course = [
        [case, method, *(f"{value:.4f}" for value in own["by_budget"])]
        for case, one in cases.items()
        for method, own in one["methods"].items()
    ]
    timing = ", ".join(
        f"{family} {one['search_cpu_s']} s per search and {one['ranking_cpu_s']} s per ranking"
        for family, one in found["timing"].items()
    )
    seeds = len(next(iter(methods.values()))["by_seed"])
    others = ", ".join(
        f"{one['mean']:.4f} ± {one['std']:.4f} (seed {seed})"
        for seed, one in found["other_rankings"]["by_seed"].items()
    )
    return (
        "## AutoBuild's search against its baselines\n\n"
        f"{evaluations} networks per search, {seeds} seeds, the {k} best units of each of the "
        "paper's targets for the device joined. Networks are judged by the published predictors, "
        "whose outputs the units were ranked with, too: this compares ways to search under one "
        "judge, not networks on ImageNet or on a device. Hypervolume in fraction x ms against the "
        f"accuracy and latency named, mean and standard deviation over seeds. In detail: "
        f"{result('autobuild_search')['note']}.\n\n"
        + table(["case", "against", *methods], rows)
        + "\n\nDifferences in the same seeds, in how many of them the first is better, and p of a "
        "paired t-test and of a Wilcoxon test (two-sided, not corrected for their number):\n\n"
        + table(["case", "pair", "mean difference", "better in", "t-test", "Wilcoxon"], tests)
        + "\n\nWith units ranked by a single predictor, AutoBuild in "
        f"{found['other_rankings']['case']} reaches {others}.\n\nMean hypervolume by the number "
        "of evaluated networks:\n\n"
        + table(["case", "method", *map(str, budgets)], course)
        + "\n\n![Accuracy within a latency: median over seeds, and what all but the best and worst "
        "tenth reach](../benchmarks/results/autobuild_fronts.svg)\n\n"
        f"Processor time, one thread: {timing}."
    )


def autobuild_workflow() -> str:
    """Return what AutoBuild's workflow takes and finds with its default settings."""
    found = figures("autobuild_workflow")
    settings, families = found["settings"], found["families"]
    labels = "; ".join(source for one in families.values() for source in one["sources"].values())
    taken = [
        [
            f"`{one['target']}`",
            f"{one['wall_s'] / 60:.1f}",
            one["jobs"],
            f"{one['peak_mb']:,}",
            "; ".join(f"{rule} {part['longest_s']:.0f} s" for rule, part in one["rules"].items()),
        ]
        for one in families.values()
    ]
    methods = [
        [
            family,
            one["method"],
            one["searches"],
            f"{one['mean']:.4f} ± {one['std']:.4f}",
            "" if one["won"] is None else f"{one['won']} of {one['searches']}",
        ]
        for family, some in families.items()
        for one in some["methods"]
    ]
    return (
        "## AutoBuild's workflow\n\nFrom the labels to the report in a fresh copy, on two cores, "
        f"with the default settings: {settings['networks']:,} labelled networks, "
        f"{len(settings['targets'])} targets, {settings['seeds']} predictors of each, trained for "
        f"{settings['epochs']} epochs, {settings['searches']} searches of every method. Labels: "
        f"{labels}.\n\n"
        + table(["target", "minutes", "jobs", "largest job, MB", "longest job of a rule"], taken)
        + "\n\nHypervolume of accuracy and latency, mean and standard deviation over the searches, "
        "and in how many of them AutoBuild's is larger; what gave the labels judges.\n\n"
        + table(["family", "method", "searches", "hypervolume", "AutoBuild larger in"], methods)
    )


def sharing() -> str:
    """Return what a round trip of caches through DVC takes beside copying them."""
    found = figures("sharing")
    rows = [
        ["cp, there", found["cp_there_s"]],
        ["cp, back", found["cp_back_s"]],
        ["dvc push", found["push_s"]],
        ["dvc pull in a fresh clone", found["pull_s"]],
        ["recording in dvc.lock (dvc commit)", found["commit_s"]],
        ["hashing as archloom verify does", found["verify_s"]],
    ]
    wall, cpu = found["push_and_pull_per_cp_there_and_back"], found["cpu_per_cp_there_and_back"]
    one = found["push_and_pull_per_one_cp"]
    return (
        f"## Sharing caches\n\n{found['gigabytes']:g} GB in {found['files']} files through a "
        f"remote on the same disk, medians of {found['rounds']} rounds (load "
        f"{found['load_1min']} on 2 cores).\n\n"
        + table(["step", "s"], rows)
        + f"\n\nPush and pull take {wall['median']} times as long as cp there and back "
        f"({wall['least']} to {wall['most']}; {one['median']} times one cp) and {cpu['median']} "
        "times its processor time. The aim, twice the time, is missed: where the file system "
        "cannot clone blocks, DVC copies three times (to the remote, to its cache, into the "
        "checkout) where cp copies twice, and its start counts."
    )


def faults() -> str:
    """Return what kills at random moments cost a run."""
    found = figures("faults_default")
    kills, span, compared = len(found["moments"]), found["span_s"], found["compared"]
    states = sorted(set(found["finished"]))
    return (
        f"## Killed runs\n\nThe run of `{found['target']}`, killed {kills} times by SIGKILL to "
        f"Snakemake, its jobs and their worker processes, at random moments {span[0]:g} to "
        f"{span[1]:g} s after each start, and continued each time. Finished outputs that were made "
        f"again later: {len(found['lost'])}. The results against those of an undisturbed run: "
        f"{compared['identical_tables']} of {compared['tables']} tables and "
        f"{compared['identical']} of {compared['files']} files are the same byte for byte; the "
        "others are the report, statistics and cards, which hold durations. The kills found runs "
        f"with {', '.join(map(str, states))} outputs finished and up to {max(found['running'])} "
        "begun."
    )


def page() -> str:
    """Return the content of ``docs/results.md``."""
    parts = (
        goldens,
        search,
        deployment,
        winners,
        score_order,
        predictors,
        five_runs,
        training,
        few_images,
        speed,
    )
    parts += (
        combined,
        families,
        imports,
        report_page,
        planning,
        sharing,
        labels,
        autobuild,
        autobuild_search,
        autobuild_labels,
        autobuild_operators,
        autobuild_workflow,
        faults,
    )
    return "\n\n".join([HEAD.rstrip(), *(part() for part in parts)]) + "\n"


def main() -> None:
    """Write the page."""
    write_text(ROOT / "docs" / "results.md", page())


if __name__ == "__main__":
    main()
