# Accuracies of the families' graphs; labels.source declares one source per family, never a mix.


rule measure_labels:
    input:
        graphs="<resources>/graphs/{family}.parquet",
        known=known_labels,
        images=images_of(SETTINGS.labels.recipe),
    output:
        labels="<resources>/labels/shards/{family}/{shard}.parquet",
        summary="<resources>/labels/shards/{family}/{shard}.json",
    log:
        "<logs>/measure_labels/{family}-{shard}.log",
    benchmark:
        "<benchmarks>/measure_labels/{family}-{shard}.tsv"
    wildcard_constraints:
        family=label_source("trained"),
    threads: SETTINGS.labels.n_jobs
    resources:
        **needs("measure_labels"),
    params:
        settings=settings(
            "labels",
            without=["source", "pseudo_predictor", "jobs", "n_jobs"],
            kept=kept("measure_labels", "{family}"),
        ),
        seed=SETTINGS.seed,
        code=code_of("measure_labels"),
    message:
        "Train the graphs of {wildcards.family} that have no known label ({wildcards.shard})"
    shell:
        command(
            "measure_labels", "graphs known images", "labels summary", "family shard"
        )


rule merge_labels:
    input:
        graphs="<resources>/graphs/{family}.parquet",
        labels=shards("labels/shards/{family}/{shard}.parquet", SETTINGS.labels.jobs),
        summaries=shards("labels/shards/{family}/{shard}.json", SETTINGS.labels.jobs),
    output:
        labels="<resources>/labels/{family}.parquet",
        summary="<resources>/labels/{family}.json",
    log:
        "<logs>/merge_labels/{family}.log",
    benchmark:
        "<benchmarks>/merge_labels/{family}.tsv"
    wildcard_constraints:
        family=label_source("trained"),
    threads: 1
    resources:
        **needs("merge_labels"),
    params:
        settings=facts(),
        seed=SETTINGS.seed,
        code=code_of("merge_labels"),
    message:
        "Put the labels of {wildcards.family} together"
    shell:
        command("merge_labels", "graphs labels summaries", "labels summary", "family")


rule look_up_labels:
    input:
        graphs="<resources>/graphs/{family}.parquet",
        table="resources/data/nasbench201/accuracy.parquet",
    output:
        labels="<resources>/labels/{family}.parquet",
    log:
        "<logs>/look_up_labels/{family}.log",
    benchmark:
        "<benchmarks>/look_up_labels/{family}.tsv"
    wildcard_constraints:
        family=label_source("benchmark"),
    threads: 1
    resources:
        **needs("look_up_labels"),
    params:
        settings=facts(metric="cifar10_test_acc_200"),
        seed=SETTINGS.seed,
        code=code_of("look_up_labels"),
    message:
        "Look up the published accuracies of {wildcards.family}"
    shell:
        command("look_up_labels", "graphs table", "labels", "family")


rule predict_labels:
    input:
        graphs="<resources>/graphs/{family}.parquet",
        weights=file_of(SETTINGS.labels.pseudo_predictor),
    output:
        labels="<resources>/labels/{family}.parquet",
    log:
        "<logs>/predict_labels/{family}.log",
    benchmark:
        "<benchmarks>/predict_labels/{family}.tsv"
    wildcard_constraints:
        family=label_source("pseudo"),
    threads: 1
    resources:
        **needs("predict_labels"),
    params:
        settings=facts(predictor=SETTINGS.labels.pseudo_predictor),
        seed=SETTINGS.seed,
        code=code_of("predict_labels"),
    message:
        "Predict pseudo-labels of {wildcards.family}"
    shell:
        command("predict_labels", "graphs weights", "labels", "family")
