# Families of graphs, their splits, and the graph that a search starts from.


rule build_family:
    output:
        graphs="<resources>/graphs/{family}.parquet",
    log:
        "<logs>/build_family/{family}.log",
    benchmark:
        "<benchmarks>/build_family/{family}.tsv"
    threads: 1
    resources:
        **needs("build_family"),
    params:
        settings=settings("families.{family}"),
        seed=SETTINGS.seed,
        code=code_of("build_family"),
    message:
        "Generate the graphs of the family {wildcards.family}"
    shell:
        command("build_family", outputs="graphs", wildcards="family")


rule split_family:
    input:
        graphs="<resources>/graphs/{family}.parquet",
    output:
        split="<resources>/splits/{family}.json",
    log:
        "<logs>/split_family/{family}.log",
    benchmark:
        "<benchmarks>/split_family/{family}.tsv"
    threads: 1
    resources:
        **needs("split_family"),
    params:
        settings=settings("splits"),
        seed=SETTINGS.seed,
        code=code_of("split_family"),
    message:
        "Hold out isomorphism classes of {wildcards.family} for selection and test"
    shell:
        command("split_family", "graphs", "split", "family")


rule read_model:
    input:
        files=model_files,
    output:
        graph="<resources>/models/{model}.json",
        weights=directory("<resources>/models/weights/{model}"),
    log:
        "<logs>/read_model/{model}.log",
    benchmark:
        "<benchmarks>/read_model/{model}.tsv"
    threads: 1
    resources:
        **needs("read_model"),
    params:
        settings=facts(model=model_facts),
        seed=SETTINGS.seed,
        code=code_of("read_model"),
    message:
        "Read the model {wildcards.model}"
    shell:
        command("read_model", "files", "graph weights", "model")
