# AutoGO: vocabulary, segments, predictor, search, and training of the winners.


if SETTINGS.vocabulary.source == "trained":

    rule build_vocabulary:
        input:
            graphs=per_family("graphs", "vocabulary"),
        output:
            vocabulary="<resources>/vocabulary.json",
        log:
            "<logs>/build_vocabulary/vocabulary.log",
        benchmark:
            "<benchmarks>/build_vocabulary/vocabulary.tsv"
        threads: 1
        resources:
            **needs("build_vocabulary"),
        params:
            settings=settings("vocabulary", without=["source"]),
            seed=SETTINGS.seed,
            code=code_of("build_vocabulary"),
        message:
            "Find the vocabulary of the families"
        shell:
            command("build_vocabulary", "graphs", "vocabulary")

else:

    rule import_vocabulary:
        input:
            encoder="resources/data/autogo_vocab/encoder.json",
            pieces="resources/data/autogo_vocab/bpe_pieces.json",
        output:
            vocabulary="<resources>/vocabulary.json",
        log:
            "<logs>/import_vocabulary/vocabulary.log",
        benchmark:
            "<benchmarks>/import_vocabulary/vocabulary.tsv"
        threads: 1
        resources:
            **needs("import_vocabulary"),
        params:
            settings=facts(source="published"),
            seed=SETTINGS.seed,
            code=code_of("import_vocabulary"),
        message:
            "Take over the published vocabulary"
        shell:
            command("import_vocabulary", "encoder pieces", "vocabulary")


rule build_segments:
    input:
        graphs=per_family("graphs", "segments"),
        shipped=shipped_graphs(),
        vocabulary="<resources>/vocabulary.json",
    output:
        segments=directory("<resources>/segments"),
    log:
        "<logs>/build_segments/segments.log",
    benchmark:
        "<benchmarks>/build_segments/segments.tsv"
    threads: 1
    resources:
        **needs("build_segments"),
    params:
        settings=settings("segments"),
        seed=SETTINGS.seed,
        code=code_of("build_segments"),
    message:
        "Cut the graphs into segments and store the distinct ones"
    shell:
        command("build_segments", "graphs shipped vocabulary", "segments")


rule build_psc_index:
    input:
        graphs="<resources>/graphs/{family}.parquet",
        vocabulary="<resources>/vocabulary.json",
    output:
        index="<resources>/psc_index/shards/{family}/{shard}.parquet",
    log:
        "<logs>/build_psc_index/{family}-{shard}.log",
    benchmark:
        "<benchmarks>/build_psc_index/{family}-{shard}.tsv"
    threads: 1
    resources:
        **needs("build_psc_index"),
    params:
        settings=facts(),
        seed=SETTINGS.seed,
        code=code_of("build_psc_index"),
    message:
        "Index the P/S/C instances of {wildcards.family} ({wildcards.shard})"
    shell:
        command("build_psc_index", "graphs vocabulary", "index", "family shard")


rule merge_psc_index:
    input:
        graphs="<resources>/graphs/{family}.parquet",
        parts=shards(
            "psc_index/shards/{family}/{shard}.parquet", SETTINGS.psc_index.jobs
        ),
    output:
        index="<resources>/psc_index/{family}.parquet",
    log:
        "<logs>/merge_psc_index/{family}.log",
    benchmark:
        "<benchmarks>/merge_psc_index/{family}.tsv"
    threads: 1
    resources:
        **needs("merge_psc_index"),
    params:
        settings=facts(),
        seed=SETTINGS.seed,
        code=code_of("merge_psc_index"),
    message:
        "Put the index of {wildcards.family} together"
    shell:
        command("merge_psc_index", "graphs parts", "index", "family")


if not SETTINGS.predictor.weights:

    rule train_predictor:
        input:
            graphs=per_group("graphs"),
            labels=per_group("labels"),
            splits=per_group("splits", "json"),
            index=training_index,
        output:
            weights="<resources>/predictors/{group}/seeds/{kind}-{number}.safetensors",
            card="<resources>/predictors/{group}/seeds/{kind}-{number}.json",
        log:
            "<logs>/train_predictor/{group}-{kind}-{number}.log",
        benchmark:
            "<benchmarks>/train_predictor/{group}-{kind}-{number}.tsv"
        threads: 2
        resources:
            **needs("train_predictor"),
        params:
            settings=settings(
                "predictor",
                without=["kind", "weights", "own_family", "families", "seeds"],
                families=group_families,
            ),
            seed=lambda wildcards: SETTINGS.seed + int(wildcards.number),
            code=code_of("train_predictor"),
        message:
            "Train the {wildcards.kind} predictor number {wildcards.number} ({wildcards.group})"
        shell:
            command(
                "train_predictor",
                "graphs labels splits index",
                "weights card",
                "kind",
                "{wildcards.group}-{wildcards.kind}-{wildcards.number}",
            )

    rule choose_predictor:
        input:
            weights=predictor_seeds("safetensors"),
            cards=predictor_seeds("json"),
        output:
            weights="<resources>/predictors/{group}/{kind}.safetensors",
            card="<resources>/predictors/{group}/{kind}.json",
        log:
            "<logs>/choose_predictor/{group}-{kind}.log",
        benchmark:
            "<benchmarks>/choose_predictor/{group}-{kind}.tsv"
        threads: 1
        resources:
            **needs("choose_predictor"),
        params:
            settings=facts(),
            seed=SETTINGS.seed,
            code=code_of("choose_predictor"),
        message:
            "Take the best {wildcards.kind} predictor ({wildcards.group})"
        shell:
            command("choose_predictor", "weights cards", "weights card", "kind")

else:

    rule import_predictor:
        input:
            weights=file_of(SETTINGS.predictor.weights),
            graphs=per_family("graphs", "predictor"),
        output:
            weights="<resources>/predictors/{group}/{kind}.safetensors",
            card="<resources>/predictors/{group}/{kind}.json",
        log:
            "<logs>/import_predictor/{group}-{kind}.log",
        benchmark:
            "<benchmarks>/import_predictor/{group}-{kind}.tsv"
        threads: 1
        resources:
            **needs("import_predictor"),
        params:
            settings=facts(
                origin=SETTINGS.predictor.weights,
                families=SETTINGS.predictor.families,
            ),
            seed=SETTINGS.seed,
            code=code_of("import_predictor"),
        message:
            "Take over finished weights of the {wildcards.kind} predictor"
        shell:
            command("import_predictor", "weights graphs", "weights card", "kind")


SEARCH_DETAILS = ["segment_ranking", "jobs", "n_jobs"]

if SETTINGS.search.jobs == 1:

    rule search_graphs:
        input:
            graph="<resources>/models/{model}.json",
            vocabulary="<resources>/vocabulary.json",
            segments="<resources>/segments",
            weights=predictor_file("safetensors"),
            card=predictor_file("json"),
            ranking=segment_ranking(),
        output:
            front="<resources>/search/{model}/front.parquet",
            visited="<resources>/search/{model}/visited.parquet",
            stats="<resources>/search/{model}/stats.json",
        log:
            "<logs>/search_graphs/{model}.log",
        benchmark:
            "<benchmarks>/search_graphs/{model}.tsv"
        threads: SETTINGS.search.n_jobs
        resources:
            **needs("search_graphs"),
        params:
            settings=settings("search", without=SEARCH_DETAILS, family=model_family),
            seed=SETTINGS.seed,
            code=code_of("search_graphs"),
        message:
            "Evolve {wildcards.model}"
        shell:
            command(
                "search_graphs",
                "graph vocabulary segments weights card ranking",
                "front visited stats",
                "model",
                "{wildcards.model}",
            )

else:

    STEP_DETAILS = ["iterations", *SEARCH_DETAILS]

    rule start_search:
        input:
            graph="<resources>/models/{model}.json",
            vocabulary="<resources>/vocabulary.json",
            segments="<resources>/segments",
            weights=predictor_file("safetensors"),
            card=predictor_file("json"),
            ranking=segment_ranking(),
        output:
            iteration=directory("<resources>/search/{model}/iterations/0"),
        log:
            "<logs>/start_search/{model}.log",
        benchmark:
            "<benchmarks>/start_search/{model}.tsv"
        threads: 1
        resources:
            **needs("start_search"),
        params:
            settings=settings("search", without=STEP_DETAILS, family=model_family),
            seed=SETTINGS.seed,
            code=code_of("start_search"),
        message:
            "Rate {wildcards.model}, from which a search starts"
        shell:
            command(
                "start_search",
                "graph vocabulary segments weights card ranking",
                "iteration",
                "model",
            )

    rule mutate_parents:
        input:
            graph="<resources>/models/{model}.json",
            vocabulary="<resources>/vocabulary.json",
            segments="<resources>/segments",
            weights=predictor_file("safetensors"),
            card=predictor_file("json"),
            ranking=segment_ranking(),
            earlier=iterations_before,
        output:
            outcomes=directory("<resources>/search/{model}/shards/{iteration}/{shard}"),
        log:
            "<logs>/mutate_parents/{model}-{iteration}-{shard}.log",
        benchmark:
            "<benchmarks>/mutate_parents/{model}-{iteration}-{shard}.tsv"
        threads: SETTINGS.search.n_jobs
        resources:
            **needs("mutate_parents"),
        params:
            settings=settings("search", without=STEP_DETAILS, family=model_family),
            seed=SETTINGS.seed,
            code=code_of("mutate_parents"),
        message:
            "Mutate parents of {wildcards.model}, iteration {wildcards.iteration} ({wildcards.shard})"
        shell:
            command(
                "mutate_parents",
                "graph vocabulary segments weights card ranking earlier",
                "outcomes",
                "model iteration shard",
            )

    rule finish_iteration:
        input:
            graph="<resources>/models/{model}.json",
            vocabulary="<resources>/vocabulary.json",
            segments="<resources>/segments",
            weights=predictor_file("safetensors"),
            card=predictor_file("json"),
            ranking=segment_ranking(),
            earlier=iterations_before,
            outcomes=shards(
                "search/{model}/shards/{iteration}/{shard}", SETTINGS.search.jobs
            ),
        output:
            iteration=directory("<resources>/search/{model}/iterations/{iteration}"),
        log:
            "<logs>/finish_iteration/{model}-{iteration}.log",
        benchmark:
            "<benchmarks>/finish_iteration/{model}-{iteration}.tsv"
        threads: 1
        resources:
            **needs("finish_iteration"),
        params:
            settings=settings("search", without=STEP_DETAILS, family=model_family),
            seed=SETTINGS.seed,
            code=code_of("finish_iteration"),
        message:
            "Finish iteration {wildcards.iteration} of {wildcards.model}"
        shell:
            command(
                "finish_iteration",
                "graph vocabulary segments weights card ranking earlier outcomes",
                "iteration",
                "model iteration",
            )

    rule finish_search:
        input:
            graph="<resources>/models/{model}.json",
            vocabulary="<resources>/vocabulary.json",
            segments="<resources>/segments",
            weights=predictor_file("safetensors"),
            card=predictor_file("json"),
            ranking=segment_ranking(),
            earlier=iterations_of_search(SETTINGS.search.iterations + 1),
        output:
            front="<resources>/search/{model}/front.parquet",
            visited="<resources>/search/{model}/visited.parquet",
            stats="<resources>/search/{model}/stats.json",
        log:
            "<logs>/finish_search/{model}.log",
        benchmark:
            "<benchmarks>/finish_search/{model}.tsv"
        threads: 1
        resources:
            **needs("finish_search"),
        params:
            settings=settings("search", without=SEARCH_DETAILS, family=model_family),
            seed=SETTINGS.seed,
            code=code_of("finish_search"),
        message:
            "Read the front of {wildcards.model}"
        shell:
            command(
                "finish_search",
                "graph vocabulary segments weights card ranking earlier",
                "front visited stats",
                "model",
            )


rule train_front:
    input:
        graph="<resources>/models/{model}.json",
        front="<resources>/search/{model}/front.parquet",
        images=images_of(FRONT_RECIPE),
    output:
        labels="<resources>/front/{model}/shards/{shard}/labels.parquet",
        summary="<resources>/front/{model}/shards/{shard}/summary.json",
        weights=directory("<resources>/front/{model}/shards/{shard}/weights"),
    log:
        "<logs>/train_front/{model}-{shard}.log",
    benchmark:
        "<benchmarks>/train_front/{model}-{shard}.tsv"
    threads: SETTINGS.front_training.n_jobs
    resources:
        **needs("train_front"),
    params:
        settings=settings(
            "front_training",
            without=["recipe", "jobs", "n_jobs"],
            recipe=FRONT_RECIPE.model_dump(mode="json"),
            kept=kept("train_front", "{model}"),
        ),
        seed=SETTINGS.seed,
        code=code_of("train_front"),
    message:
        "Train {wildcards.model} and the winners ({wildcards.shard})"
    shell:
        command(
            "train_front",
            "graph front images",
            "labels summary weights",
            "model shard",
        )


rule merge_front:
    input:
        graph="<resources>/models/{model}.json",
        front="<resources>/search/{model}/front.parquet",
        labels=front_shards("labels.parquet"),
        summaries=front_shards("summary.json"),
        weights=front_shards("weights"),
    output:
        labels="<resources>/front/{model}/labels.parquet",
        summary="<resources>/front/{model}/summary.json",
        weights=directory("<resources>/front/{model}/weights"),
    log:
        "<logs>/merge_front/{model}.log",
    benchmark:
        "<benchmarks>/merge_front/{model}.tsv"
    threads: 1
    resources:
        **needs("merge_front"),
    params:
        settings=facts(members=SETTINGS.front_training.members),
        seed=SETTINGS.seed,
        code=code_of("merge_front"),
    message:
        "Put the trained winners of {wildcards.model} together"
    shell:
        command(
            "merge_front",
            "graph front labels summaries weights",
            "labels summary weights",
            "model",
        )
