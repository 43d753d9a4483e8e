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
    output:
        report=directory("<results>/autogo/{model}"),
    log:
        "<logs>/build_autogo_report/{model}.log",
    benchmark:
        "<benchmarks>/build_autogo_report/{model}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=facts(config=report_settings()),
        seed=SETTINGS.seed,
        code=code_of("build_autogo_report"),
    message:
        "Write results/autogo/{wildcards.model}"
    shell:
        command(
            "build_autogo_report",
            "graph vocabulary front visited stats card labels weights",
            "report",
            "model",
        )
