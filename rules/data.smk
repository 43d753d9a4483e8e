# External datasets: checked copies under resources/data/, which never depend on our code.


rule retrieve_file:
    output:
        file="resources/data/{dataset}/{file}",
    log:
        "logs/retrieve_file/{dataset}-{file}.log",
    benchmark:
        "logs/retrieve_file/{dataset}-{file}.tsv"
    threads: 1
    resources:
        **needs("retrieve_file"),
    params:
        settings=facts(sha256=registered_checksum),
        seed=0,
        code="none",
    message:
        "Bring {wildcards.dataset}/{wildcards.file} and check its bytes"
    shell:
        command("retrieve_file", outputs="file", wildcards="dataset file", record=False)
