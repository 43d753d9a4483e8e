# Helpers of all rules: checked settings, paths, code digests, command lines, input functions.
#
# Paths. `run.cache` (or else `run.name`) and `run.name` give a second run folders of its own:
#   <resources>  resources/ or resources/CACHE/   inputs and intermediate files, made by rules
#   <results>    results/ or results/NAME/        what people came for
#   <logs>       logs/ or logs/CACHE/             one log and one benchmark per job
#   resources/data/ holds copies of external datasets and is shared by all runs.
import json
import os
import sys
from pathlib import Path

from snakemake.logging import logger

from archloom.config.graphs import Family
from archloom.config.models import DATA_PREFIX, model_named, read_models
from archloom.config.reading import check_config
from archloom.data.registry import (
    DOWNLOAD_VARIABLE,
    ENVIRONMENT_VARIABLE,
    dataset_named,
    search_folders,
)
from archloom.errors import ArchloomError
from archloom.shards import PATTERN, shard_names
from archloom.workflow import source_digest
from archloom.workflow.estimates import need

try:
    SETTINGS = check_config(config, workflow.configfiles)
    read_models(SETTINGS.models)
except ArchloomError as error:
    raise WorkflowError(f"\n{error}")

# Jobs run in the environment that Snakemake runs in, activated or not. The command line of a rule
# names no place, since Snakemake compares its text to see what has changed.
os.environ["PATH"] = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ["PATH"]]
)
if SETTINGS.data.mirror:
    os.environ[ENVIRONMENT_VARIABLE] = SETTINGS.data.mirror
if SETTINGS.data.download:
    os.environ[DOWNLOAD_VARIABLE] = "1"


def in_folder(folder, name):
    return f"{folder}/{name}" if name else folder


ALL_FAMILIES = "all"
RUN = SETTINGS.run
CACHE = RUN.cache or RUN.name
RESOURCES = in_folder("resources", CACHE)
RESULTS = in_folder("results", RUN.name)
LOGS = in_folder("logs", CACHE)


pathvars:
    resources=RESOURCES,
    results=RESULTS,
    logs=LOGS,
    benchmarks=LOGS,


wildcard_constraints:
    dataset="[a-z0-9_]+",
    file="[^/]+",
    family="|".join(SETTINGS.families),
    model="[A-Za-z0-9_.-]+",
    kind="psc|gnn",
    shard=PATTERN,
    number="[0-9]+",
    iteration="[1-9][0-9]*",
    group="|".join([ALL_FAMILIES, *SETTINGS.families]),


def facts(**values):
    """Return a params function: the values as JSON; a value may be a function of the wildcards."""

    def as_json(wildcards):
        found = {k: v(wildcards) if callable(v) else v for k, v in values.items()}
        return json.dumps(found, sort_keys=True)

    return as_json


def settings(section, without=(), **extra):
    """Return a params function: a section as JSON, such as settings("families.{family}").

    Only what a rule declares here makes it run again. `extra` adds values as in `facts`.
    """

    def as_json(wildcards):
        values = SETTINGS.model_dump(mode="json")
        for key in section.format(**wildcards).split("."):
            values = values[key]
        values = {key: value for key, value in values.items() if key not in without}
        return facts(**values, **extra)(wildcards)

    return as_json


def code_of(script):
    """Return the digest of the code of a rule's script and of all library modules it depends on."""
    script_file = f"workflow/scripts/{script}.py"
    return source_digest(script_file, cache_file=Path(".snakemake/archloom-code.json"))


def needs(rule):
    """Return the limits of a rule's jobs; memory and time grow with every attempt."""

    def memory(wildcards, attempt):
        return attempt * need(SETTINGS, rule, wildcards).memory_mb

    def minutes(wildcards, attempt):
        return attempt * need(SETTINGS, rule, wildcards).limit

    def disk(wildcards):
        return need(SETTINGS, rule, wildcards).disk_mb

    return {"mem_mb": memory, "runtime": minutes, "disk_mb": disk}


def command(script, inputs="", outputs="", wildcards="", resume="", record=True):
    """Return the shell command of a rule; names are separated by blanks, as declared in the rule.

    `resume` is a folder for checkpoints, which lie outside the outputs so that a killed job
    can continue. `record` keeps a record of what was made of what (`archloom verify`).
    """
    parts = [f"python workflow/scripts/{script}.py"]
    parts += [f"--input {name} {{input.{name}:q}}" for name in inputs.split()]
    parts += [f"--output {name} {{output.{name}:q}}" for name in outputs.split()]
    parts += [f"--wildcard {name} {{wildcards.{name}:q}}" for name in wildcards.split()]
    parts += [
        "--settings {params.settings:q} --seed {params.seed} --code {params.code}"
    ]
    parts += [f"--resume {RESOURCES}/resume/{script}/{resume}"] if resume else []
    parts += [f"--records {RESOURCES}/records"] if record else []
    parts += ["--threads {threads} --log {log:q}"]
    return " ".join(parts)


def shards(pattern, total):
    """Return the files of all shards of a stage, in order."""
    return expand(
        f"{RESOURCES}/{pattern}", shard=shard_names(total), allow_missing=True
    )


def kept(rule, job):
    """Return a params function: a folder for single results of a stage, as JSON lines.

    It belongs to the code, not to a number of jobs, so that another number throws nothing away.
    """
    return lambda wildcards: (
        f"{RESOURCES}/kept/{rule}/{job.format(**wildcards)}/{code_of(rule)}"
    )


def file_of(reference):
    """Return the path of data:DATASET/FILE (made by retrieve_file) or of an ordinary file, which
    is here even where outputs are kept in object storage (local).
    """
    if reference.startswith(DATA_PREFIX):
        return f"resources/data/{reference.removeprefix(DATA_PREFIX)}"
    return local(reference)


def dataset_files(name):
    return [f"resources/data/{name}/{file}" for file in dataset_named(name).files]


def files_that_are_here(name):
    """Return the files of a dataset that may be missing: none where one of them is."""
    folders = search_folders(SETTINGS.data.mirror)
    files = dataset_named(name).files
    found = all(
        any((folder / name / file).is_file() for folder in folders) for file in files
    )
    return dataset_files(name) if found else []


def images_of(recipe):
    """Return the image files of a training recipe; scikit-learn brings its digits with it."""
    return [] if recipe.dataset == "digits" else dataset_files(recipe.dataset)


def label_source(name):
    """Return a wildcard pattern of the families whose labels have this source."""
    families = [
        family for family, source in SETTINGS.labels.source.items() if source == name
    ]
    return "|".join(families) or "(?!)"


def per_family(folder, section, suffix="parquet"):
    """Return one file per family of a section, in the order of the settings."""
    families = getattr(SETTINGS, section).families
    return [f"{RESOURCES}/{folder}/{family}.{suffix}" for family in families]


def shipped_graphs():
    return dataset_files("autogo_cgs") if SETTINGS.segments.shipped else []


def group_families(wildcards):
    """Return the families that the predictor of a group is trained on: one, or all of them."""
    families = SETTINGS.predictor.families
    return families if wildcards.group == ALL_FAMILIES else [wildcards.group]


def per_group(folder, suffix="parquet"):
    """Return an input function: one file per family of a predictor's group."""

    def paths(wildcards):
        return [f"{RESOURCES}/{folder}/{f}.{suffix}" for f in group_families(wildcards)]

    return paths


def training_index(wildcards):
    """Return the P/S/C instances that a predictor of this kind is trained on; a GNN needs none."""
    return per_group("psc_index")(wildcards) if wildcards.kind == "psc" else []


def predictor_seeds(suffix):
    """Return the predictors of one group and kind, one per seed."""
    pattern = f"{RESOURCES}/predictors/{{group}}/seeds/{{kind}}-{{number}}.{suffix}"
    return expand(pattern, number=range(SETTINGS.predictor.seeds), allow_missing=True)


def predictor_file(suffix):
    """Return an input function: the predictor that scores a model's variants."""

    def path(wildcards):
        predictor, family = SETTINGS.predictor, model_family(wildcards)
        trained = predictor.own_family and not predictor.weights
        own = trained and family in predictor.families
        group = family if own else ALL_FAMILIES
        return f"{RESOURCES}/predictors/{group}/{predictor.kind}.{suffix}"

    return path


def segment_ranking():
    """Return the ranking that segments are drawn by; none where they are drawn uniformly."""
    ranking = SETTINGS.search.segment_ranking
    return [file_of(ranking)] if ranking else []


def iterations_of_search(total):
    """Return the folders of the first iterations of a search in steps, the input's included."""
    pattern = f"{RESOURCES}/search/{{model}}/iterations/{{iteration}}"
    return expand(pattern, iteration=range(total), allow_missing=True)


def iterations_before(wildcards):
    folders = iterations_of_search(int(wildcards.iteration))
    return expand(folders, model=wildcards.model)


FRONT_RECIPE = SETTINGS.front_training.recipe or SETTINGS.labels.recipe


def trained_front(name):
    """Return a file of the trained winners; none when no training is wanted."""
    return (
        f"<resources>/front/{{model}}/{name}" if SETTINGS.front_training.members else []
    )


def front_shards(name):
    """Return one file or folder per job that trains winners."""
    pattern = f"front/{{model}}/shards/{{shard}}/{name}"
    return shards(pattern, SETTINGS.front_training.jobs)


def report_settings():
    """Return all settings but those that only say where and how fast things run."""
    split = {"jobs", "n_jobs"}
    places = {"run": True, "data": True, "psc_index": True}
    places |= {section: split for section in ("labels", "search", "front_training")}
    return SETTINGS.model_dump(mode="json", exclude=places)


def known_labels(wildcards):
    """Return the committed table of labels measured before, where there is one."""
    table = f"labels/{SETTINGS.labels.recipe.dataset}/{wildcards.family}.parquet"
    return [local(table)] if Path(table).is_file() else []


def model_row(wildcards):
    return model_named(wildcards.model, SETTINGS.models)


def model_files(wildcards):
    """Return the file a model is read from; none for an architecture string of a family."""
    row = model_row(wildcards)
    return [file_of(row.source)] if row.is_file else []


def model_facts(wildcards):
    """Return what reading a model depends on: its row and, for a string, the skeleton."""
    row = model_row(wildcards)
    facts = {"family": row.family, "source": row.source, "input": row.input}
    if not row.is_file:
        family = SETTINGS.families.get(row.family, Family())
        facts["options"] = family.model_dump(mode="json", exclude={"count"})
    return facts


def registered_checksum(wildcards):
    entry = dataset_named(wildcards.dataset).files.get(wildcards.file)
    return entry.sha256 if entry else None


def model_family(wildcards):
    return model_row(wildcards).family


def result(name):
    return f"{RESULTS}/{name}"


def autobuild_targets():
    return [result(f"autobuild/{family}") for family in ("ofa_mbv3", "ofa_pn")]


def tables_of_papers():
    systems = sorted(path.stem for path in Path("config/published").glob("*.yaml"))
    return [result(f"tables/{system}") for system in systems]


def predictors_of_both_kinds():
    """Return the predictors that Table 1 of the AutoGO paper compares; none where given."""
    kinds = [] if SETTINGS.predictor.weights else ["gnn", "psc"]
    folder = f"{RESOURCES}/predictors/{ALL_FAMILIES}"
    return [f"{folder}/{kind}.safetensors" for kind in kinds]


def autogo_targets():
    """Return one result per row of the table of models."""
    return [result(f"autogo/{model}") for model in read_models(SETTINGS.models)]


def hold_folder():
    """Stop where another Snakemake runs in this folder."""
    from archloom.workflow.hold import hold

    try:
        hold(Path("."))
    except ArchloomError as error:
        raise WorkflowError(f"\n{error}")


def write_page_of_run():
    """Write results/run.html: what ran, how long it took, what failed."""
    from archloom.workflow.run_page import write_run_page
    from archloom.workflow.status import Folders

    folders = Folders.of_run(CACHE, Path("."))
    page = Path(result("run.html"))
    try:
        write_run_page(folders, Path("."), page)
    except ArchloomError as error:
        logger.warning(f"{page} is not written: {error}")
    else:
        logger.info(f"What ran, with times and memory: {page}")
