# Contents page of the workflow. `snakemake results/autogo/nb201` makes one result; see docs/ for all targets.
from snakemake.utils import min_version

min_version("9.27")


configfile: "config/default.yaml"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/graphs.smk"
include: "rules/labels.smk"
include: "rules/autogo.smk"
include: "rules/autobuild.smk"
include: "rules/report.smk"


rule all:
    input:
        autogo_targets(),
    message:
        "Everything in {SETTINGS.models}"


rule everything:
    input:
        autogo_targets(),
        autobuild_targets(),
        tables_of_papers(),
        predictors_of_both_kinds(),
    message:
        "All models, AutoBuild's families, tables of the papers, predictors of both kinds"


onstart:
    hold_folder()


onsuccess:
    write_page_of_run()


onerror:
    write_page_of_run()
