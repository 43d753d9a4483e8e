"""A search in steps that jobs share is the search of one process."""

import json

import pytest

from archloom.errors import FormatError, SearchError
from archloom.io import write
from archloom.predict import PSC
from archloom.predict.range import TrainingRange
from archloom.search.graphs.evolution import evolve
from archloom.search.graphs.optimise import Artefacts, optimise
from archloom.search.graphs.outcomes import read_outcomes, write_outcomes
from archloom.search.graphs.record import save_search
from archloom.search.graphs.settings import SearchSettings
from archloom.search.graphs.steps import Steps
from archloom.segments.tables import write_database
from archloom.spaces import nb201
from search_world import SETTINGS, make_mutator, make_world

SEED = 3
ITERATIONS = 3


def in_steps(network, folder, total, **changes):
    """Search in steps with ``total`` shares per iteration; the mutator is made anew each time."""

    def steps(iterations, earlier):
        return Steps(network, make_mutator(iterations=iterations, **changes), SEED, earlier)

    done = [folder / "0"]
    steps(1, []).begin(done[0])
    for number in range(1, ITERATIONS + 1):
        parts = [folder / f"{number}-{share}" for share in range(total)]
        for share in reversed(range(total)):
            steps(number, done).mutate(slice(share, None, total), parts[share])
        steps(number, done).close(parts, folder / str(number))
        done.append(folder / str(number))
    return steps(ITERATIONS, done).result()


def export(result, folder):
    paths = [folder / name for name in ("front.parquet", "visited.parquet", "stats.json")]
    folder.mkdir(exist_ok=True)
    save_search(result, *paths)
    stats = json.loads(paths[2].read_text())
    figures = {
        name: stats[name] for name in ("front", "visited", "stopped", "settings", "rejected")
    }
    counts = [
        {name: entry[name] for name in ("parents", "children", "unique", "accepted", "rejected")}
        for entry in stats["iterations"]
    ]
    return [path.read_bytes() for path in paths[:2]], figures, counts


@pytest.mark.parametrize("total", [1, 2, 5])
def test_any_number_of_jobs_finds_what_one_process_finds(network, tmp_path, total):
    alone = evolve(network, make_mutator(iterations=ITERATIONS), seed=SEED)
    shared = in_steps(network, tmp_path / "shared", total)
    assert len(alone) > 0
    assert export(shared, tmp_path / "files") == export(alone, tmp_path / "alone")


def test_a_search_that_is_over_leaves_the_other_steps_empty(network, tmp_path):
    alone = evolve(network, make_mutator(iterations=ITERATIONS, max_visited=10), seed=SEED)
    shared = in_steps(network, tmp_path / "shared", 2, max_visited=10)
    assert alone.stopped == shared.stopped == "visited"
    assert not list((tmp_path / "shared/3").iterdir())
    assert export(shared, tmp_path / "files") == export(alone, tmp_path / "alone")


def test_steps_of_files_find_what_optimise_finds(network, tmp_path):
    database, tokeniser = make_world()
    predictor = PSC()
    predictor.note(range=TrainingRange.of(nb201.sample(8, 0, nb201.REDUCED)))
    names = ("graph.json", "vocabulary.json", "segments", "weights.safetensors")
    write(network, tmp_path / names[0])
    tokeniser.vocabulary.save(tmp_path / names[1])
    write_database(database, tmp_path / names[2])
    predictor.save(tmp_path / names[3])
    files = {name.partition(".")[0]: [tmp_path / name] for name in names} | {"ranking": []}
    settings = SearchSettings(**SETTINGS | {"iterations": 1})

    Steps.of_files(files, settings, SEED).begin(tmp_path / "0")
    files["earlier"] = [tmp_path / "0"]
    Steps.of_files(files, settings, SEED).mutate(slice(None), tmp_path / "part")
    Steps.of_files(files, settings, SEED).close([tmp_path / "part"], tmp_path / "1")
    files["earlier"] += [tmp_path / "1"]
    found = Steps.of_files(files, settings, SEED).result()

    artefacts = Artefacts.of_files(*(tmp_path / name for name in names[1:]))
    alone = optimise(network, artefacts, settings, seed=SEED)
    assert len(alone) > 0 and found[0].place is not None
    assert [member.place for member in found] == [member.place for member in alone]
    assert export(found, tmp_path / "files") == export(alone, tmp_path / "alone")


def test_folders_of_another_search_are_refused(network, tmp_path):
    Steps(network, make_mutator(), SEED).begin(tmp_path / "0")
    other = Steps(network, make_mutator(), SEED + 1, [tmp_path / "0"])
    with pytest.raises(SearchError, match="other settings"):
        other.mutate(slice(None), tmp_path / "part")


def test_a_result_needs_a_beginning(network):
    with pytest.raises(SearchError, match="has not begun"):
        Steps(network, make_mutator(), SEED).result()


@pytest.fixture
def outcomes(network, tmp_path):
    """Outcomes of one parent, as written."""
    search = Steps(network, make_mutator(), SEED)
    search.begin(tmp_path / "0")
    Steps(network, make_mutator(), SEED, [tmp_path / "0"]).mutate(slice(None), tmp_path / "part")
    return tmp_path / "part"


def test_outcomes_come_back_as_they_were(outcomes, tmp_path):
    found = read_outcomes(outcomes)
    write_outcomes(found, tmp_path / "again")
    assert sum(outcome.n_children for outcome in found) > 10
    assert any(one.refusal for outcome in found for one in outcome.candidates)
    for path in outcomes.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["candidates.parquet", "networks.parquet", "outcomes.json"])
def test_damaged_outcomes_are_refused(outcomes, name):
    path = outcomes / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FormatError):
        read_outcomes(outcomes)
    path.unlink()
    with pytest.raises((FormatError, ValueError)):
        read_outcomes(outcomes)
