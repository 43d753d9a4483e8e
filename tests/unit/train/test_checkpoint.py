"""States of unfinished trainings: what comes back, and files that are refused."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from archloom.errors import TrainingError
from archloom.train.checkpoint import FORMAT, read_state, write_state

IDENTITY = {"data": "d", "betas": (0.9, 0.999)}


def trained():
    torch.manual_seed(0)
    network = torch.nn.Conv2d(2, 3, 2).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), fused=True)
    network(torch.ones(1, 2, 2, 2)).sum().backward()
    optimiser.step()
    return network, optimiser


def test_all_comes_back_in_the_layout_of_the_parameters(tmp_path):
    path, (network, optimiser) = tmp_path / "s.safetensors", trained()
    best = {name: one + 1 for name, one in network.state_dict().items()}
    write_state(path, network, optimiser, IDENTITY, {"history": [1.5]}, best)
    again = torch.nn.Conv2d(2, 3, 2).to(memory_format=torch.channels_last)
    other = torch.optim.Adam(again.parameters(), fused=True)
    facts, found = read_state(path, again, other, IDENTITY)
    assert facts == {"history": [1.5]}
    assert all(torch.equal(found[name], one) for name, one in best.items())
    assert torch.equal(again.weight, network.weight)
    for one, two in zip(optimiser.state.values(), other.state.values(), strict=True):
        assert all(torch.equal(one[name], two[name]) for name in one)
    moments = other.state[again.weight]["exp_avg"]
    assert moments.stride() == again.weight.stride() != moments.contiguous().stride()


def test_the_metadata_is_one_entry_with_format_and_version(tmp_path):
    path = tmp_path / "s.safetensors"
    write_state(path, *trained(), IDENTITY, {}, {})
    with safe_open(path, framework="pt") as file:
        (text,) = file.metadata().values()
    assert json.loads(text)["format"] == FORMAT == "archloom-training/2"


@pytest.mark.parametrize(
    "metadata",
    [
        {"state": json.dumps({"format": "archloom-training/1", "digest": "d", "epoch": 3})},
        {"format": "archloom-training/1", "graph": "g", "facts": "{}"},
    ],
    ids=["predictor", "images"],
)
def test_states_of_the_version_before_are_refused_by_name_and_kept(tmp_path, metadata):
    path = tmp_path / "s.safetensors"
    save_file({"last/weight": torch.ones(2)}, path, metadata)
    before = path.read_bytes()
    with pytest.raises(TrainingError) as error:
        read_state(path, *trained(), IDENTITY)
    for words in (str(path), "archloom-training/1", FORMAT, "start the same training again"):
        assert words in str(error.value)
    assert path.read_bytes() == before


def test_a_state_that_lacks_something_is_damaged(tmp_path):
    path, (network, optimiser) = tmp_path / "s.safetensors", trained()
    write_state(path, torch.nn.Linear(2, 2), optimiser, IDENTITY, {}, {})
    with pytest.raises(TrainingError, match=r"(?s)is damaged .*begins with the first epoch"):
        read_state(path, network, optimiser, IDENTITY)
