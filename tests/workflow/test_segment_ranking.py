"""The setting search.segment_ranking: a file that every job of a search is given."""

import pytest

FRONT = "resources/search/nb201/front.parquet"


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_job_of_a_search_has_the_ranking(checkout, jobs):
    options = f"search={{segment_ranking: mine.parquet, jobs: {jobs}, iterations: 1}}"
    arguments = (FRONT, "--dry-run", "--printshellcmds", "--config", options)
    missing = checkout.snakemake(*arguments)
    assert missing.returncode != 0 and "mine.parquet" in missing.stdout + missing.stderr
    (checkout.root / "mine.parquet").touch()
    planned = checkout.snakemake(*arguments)
    rules = {1: 1, 2: 5}[jobs]  # in steps: start, two shares, the iteration, the end
    assert planned.stdout.count("--input ranking mine.parquet") == rules


def test_without_a_ranking_there_is_no_such_input(checkout):
    planned = checkout.snakemake(FRONT, "--dry-run", "--printshellcmds")
    assert "--input ranking  --output front" in planned.stdout
