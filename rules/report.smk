# Folders that people came for, assembled last from resources/.


rule build_autogo_report:
    input:
        graph="<resources>/models/{model}.json",
        vocabulary="<resources>/vocabulary.json",
        front="<resources>/search/{model}/front.parquet",
        visited="<resources>/search/{model}/visited.parquet",
        stats="<resources>/search/{model}/stats.json",
        card=predictor_file("json"),
        labels=trained_front("labels.parquet"),
        weights=trained_front("weights"),
        inherited="<resources>/models/weights/{model}",
    output:
        report=directory("<results>/autogo/{model}"),
    log:
        "<logs>/build_autogo_report/{model}.log",
    benchmark:
        "<benchmarks>/build_autogo_report/{model}.tsv"
    threads: 1
    resources:
        **needs("build_autogo_report"),
    params:
        settings=facts(config=report_settings()),
        seed=SETTINGS.seed,
        code=code_of("build_autogo_report"),
    message:
        "Write results/autogo/{wildcards.model}"
    shell:
        command(
            "build_autogo_report",
            "graph vocabulary front visited stats card labels weights inherited",
            "report",
            "model",
        )


# The tables of a paper beside ours. What external data would give is left out where they are not
# here; the rows say so.
PUBLISHED_GRAPHS = files_that_are_here("autogo_cgs")
PUBLISHED_VOCABULARY = files_that_are_here("autogo_vocab")
LATENCY_GROUPS = [
    "resnet50 resnet50_autogo1 resnet50_autogo2 resnet101 resnet101_autogo1 resnet101_autogo2 "
    "vgg16_bn vgg16_autogo".split(),
    "edsr_rebuilt edsr_autogo1 edsr_autogo2 edsr_autogo3".split(),
]


rule measure_published_latency:
    input:
        graphs=PUBLISHED_GRAPHS,
    output:
        latency="<resources>/tables/latency.json",
    log:
        "<logs>/measure_published_latency/autogo.log",
    benchmark:
        "<benchmarks>/measure_published_latency/autogo.tsv"
    threads: 1
    resources:
        **needs("measure_published_latency"),
    params:
        settings=facts(groups=LATENCY_GROUPS),
        seed=0,
        code=code_of("measure_published_latency"),
    message:
        "Measure the latency of the released graphs"
    shell:
        command("measure_published_latency", "graphs", "latency")


rule count_instances:
    input:
        encoder="resources/data/autogo_vocab/encoder.json",
        pieces="resources/data/autogo_vocab/bpe_pieces.json",
    output:
        instances="<resources>/tables/instances.json",
    log:
        "<logs>/count_instances/autogo.log",
    benchmark:
        "<benchmarks>/count_instances/autogo.tsv"
    threads: 1
    resources:
        **needs("count_instances"),
    params:
        settings=facts(
            graphs=dict(
                nb101=5000, nb201=4096, hiaml=4600, inception=580, two_path=6900
            )
        ),
        seed=0,
        code=code_of("count_instances"),
    message:
        "Count the P/S/C instances of the families"
    shell:
        command("count_instances", "encoder pieces", "instances")


def of_autogo(files):
    """Return an input function: files that only AutoGO's tables need."""
    return lambda wildcards: files if wildcards.system == "autogo" else []


rule build_published_tables:
    input:
        published=local("config/published/{system}.yaml"),
        graphs=of_autogo(PUBLISHED_GRAPHS),
        latency=of_autogo("<resources>/tables/latency.json" if PUBLISHED_GRAPHS else []),
        instances=of_autogo(
            "<resources>/tables/instances.json" if PUBLISHED_VOCABULARY else []
        ),
        records=local(sorted(map(str, Path("benchmarks/results").glob("*.json")))),
    output:
        tables=directory("<results>/tables/{system}"),
    log:
        "<logs>/build_published_tables/{system}.log",
    benchmark:
        "<benchmarks>/build_published_tables/{system}.tsv"
    wildcard_constraints:
        system="autogo|autobuild",
    threads: 1
    resources:
        **needs("build_published_tables"),
    params:
        settings=facts(),
        seed=0,
        code=code_of("build_published_tables"),
    message:
        "Write results/tables/{wildcards.system}"
    shell:
        command(
            "build_published_tables",
            "published graphs latency instances records",
            "tables",
            "system",
        )
