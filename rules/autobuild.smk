# AutoBuild: labels of block networks, rankings of their units, searches of the best, report.
from archloom.data import expression

BLOCK_FAMILIES = "ofa_mbv3|ofa_mbv3_w10|ofa_pn"
AUTOBUILD = SETTINGS.autobuild
AUTOBUILD_PREDICTORS = files_that_are_here("autobuild_models")
TARGET_NUMBERS = [str(number) for number in range(1, len(AUTOBUILD.targets) + 1)]

try:
    for written in [] if AUTOBUILD.table else AUTOBUILD.targets:
        expression.parse(written, ("acc", "latency"))
except ArchloomError as error:
    raise WorkflowError(f"\nautobuild.targets: {error}")


def block_device(wildcards):
    """Return the device whose latency counts: without published predictors this machine."""
    if AUTOBUILD.device != "auto":
        return AUTOBUILD.device
    here = any(f"/{wildcards.family}_latency_gpu" in f for f in AUTOBUILD_PREDICTORS)
    return "gpu" if here else "here"


def published_blocks(wildcards):
    """Return the published predictors that are needed; none for a table of one's own."""
    metrics = [] if AUTOBUILD.table else ["acc", f"latency_{block_device(wildcards)}"]
    wanted = [f"{wildcards.family}_{metric}" for metric in metrics]
    return [path for path in AUTOBUILD_PREDICTORS if Path(path).stem in wanted]


def operator_latency(wildcards):
    """Return the latency table where the device is not one of the published predictors."""
    if AUTOBUILD.table or block_device(wildcards) != "here":
        return []
    measured = f"{RESOURCES}/autobuild/{wildcards.family}/operators.json"
    return [file_of(AUTOBUILD.latency_table) if AUTOBUILD.latency_table else measured]


def own_networks(wildcards):
    return [file_of(AUTOBUILD.table)] if AUTOBUILD.table else []


def per_target(pattern):
    """Return one file or folder per target, in the order of the settings."""
    folder = f"{RESOURCES}/autobuild/{{family}}/{pattern}"
    return expand(folder, target=TARGET_NUMBERS, allow_missing=True)


rule measure_operator_latency:
    output:
        latency="<resources>/autobuild/{family}/operators.json",
    log:
        "<logs>/measure_operator_latency/{family}.log",
    benchmark:
        "<benchmarks>/measure_operator_latency/{family}.tsv"
    wildcard_constraints:
        family=BLOCK_FAMILIES,
    threads: 4  # so that it has a small machine to itself
    resources:
        **needs("measure_operator_latency"),
    params:
        settings=facts(),
        seed=0,
        code=code_of("measure_operator_latency"),
    message:
        "Measure the operators of {wildcards.family} on this machine"
    shell:
        command("measure_operator_latency", "", "latency", "family")


rule label_block_networks:
    input:
        published=published_blocks,
        operators=operator_latency,
        table=own_networks,
    output:
        networks="<resources>/autobuild/{family}/networks.parquet",
    log:
        "<logs>/label_block_networks/{family}.log",
    benchmark:
        "<benchmarks>/label_block_networks/{family}.tsv"
    wildcard_constraints:
        family=BLOCK_FAMILIES,
    threads: 1
    resources:
        **needs("label_block_networks"),
    params:
        settings=facts(
            networks=AUTOBUILD.networks, epochs=AUTOBUILD.epochs, device=block_device
        ),
        seed=SETTINGS.seed,
        code=code_of("label_block_networks"),
    message:
        "Label networks of {wildcards.family}"
    shell:
        command(
            "label_block_networks", "published operators table", "networks", "family"
        )


rule rank_units:
    input:
        networks="<resources>/autobuild/{family}/networks.parquet",
    output:
        ranked=directory("<resources>/autobuild/{family}/target_{target}"),
    log:
        "<logs>/rank_units/{family}-{target}.log",
    benchmark:
        "<benchmarks>/rank_units/{family}-{target}.tsv"
    wildcard_constraints:
        family=BLOCK_FAMILIES,
        target="|".join(TARGET_NUMBERS),
    threads: 1
    resources:
        **needs("rank_units"),
    params:
        settings=facts(
            target=lambda wildcards: AUTOBUILD.targets[int(wildcards.target) - 1],
            epochs=AUTOBUILD.epochs,
            seeds=AUTOBUILD.seeds,
            contexts=AUTOBUILD.contexts,
            top_k=AUTOBUILD.top_k,
        ),
        seed=SETTINGS.seed,
        code=code_of("rank_units"),
    message:
        "Rank the units of {wildcards.family} for target {wildcards.target}"
    shell:
        command(
            "rank_units",
            "networks",
            "ranked",
            "family target",
            "{wildcards.family}-{wildcards.target}",
        )


rule evaluate_units:
    input:
        ranked="<resources>/autobuild/{family}/target_{target}",
        published=published_blocks,
        operators=operator_latency,
        table=own_networks,
    output:
        networks="<resources>/autobuild/{family}/space_{target}.parquet",
    log:
        "<logs>/evaluate_units/{family}-{target}.log",
    benchmark:
        "<benchmarks>/evaluate_units/{family}-{target}.tsv"
    wildcard_constraints:
        family=BLOCK_FAMILIES,
        target="|".join(TARGET_NUMBERS),
    threads: 1
    resources:
        **needs("evaluate_units"),
    params:
        settings=facts(epochs=AUTOBUILD.epochs, device=block_device),
        seed=SETTINGS.seed,
        code=code_of("evaluate_units"),
    message:
        "Evaluate all networks of the best units of {wildcards.family}, target {wildcards.target}"
    shell:
        command(
            "evaluate_units",
            "ranked published operators table",
            "networks",
            "family target",
            "{wildcards.family}-{wildcards.target}",
        )


rule search_units:
    input:
        ranked=per_target("target_{target}"),
        published=published_blocks,
        operators=operator_latency,
        table=own_networks,
    output:
        visited="<resources>/autobuild/{family}/visited.parquet",
    log:
        "<logs>/search_units/{family}.log",
    benchmark:
        "<benchmarks>/search_units/{family}.tsv"
    wildcard_constraints:
        family=BLOCK_FAMILIES,
    threads: 1
    resources:
        **needs("search_units"),
    params:
        settings=settings(
            "autobuild",
            without=[
                "table",
                "latency_table",
                "networks",
                "targets",
                "top_k",
                "seeds",
                "contexts",
                "device",
            ],
            device=block_device,
        ),
        seed=SETTINGS.seed,
        code=code_of("search_units"),
    message:
        "Search networks of the best units of {wildcards.family}, and by the baselines"
    shell:
        command("search_units", "ranked published operators table", "visited", "family")


rule build_autobuild_report:
    input:
        networks="<resources>/autobuild/{family}/networks.parquet",
        ranked=per_target("target_{target}"),
        spaces=per_target("space_{target}.parquet"),
        visited="<resources>/autobuild/{family}/visited.parquet",
    output:
        report=directory("<results>/autobuild/{family}"),
    log:
        "<logs>/build_autobuild_report/{family}.log",
    benchmark:
        "<benchmarks>/build_autobuild_report/{family}.tsv"
    wildcard_constraints:
        family=BLOCK_FAMILIES,
    threads: 1
    resources:
        **needs("build_autobuild_report"),
    params:
        settings=facts(config=report_settings()),
        seed=SETTINGS.seed,
        code=code_of("build_autobuild_report"),
    message:
        "Write results/autobuild/{wildcards.family}"
    shell:
        command(
            "build_autobuild_report",
            "networks ranked spaces visited",
            "report",
            "family",
        )
