import pytest
import torch

from archloom.errors import ConfigError
from archloom.train.device import choose_device


def test_a_gpu_is_taken_where_there_is_one(monkeypatch):
    for found, wanted in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda found=found: found)
        assert choose_device("auto").type == wanted
        assert choose_device("cpu").type == "cpu"


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="finds no CUDA GPU: install a CUDA build"):
        choose_device("cuda")
    with pytest.raises(ConfigError, match="device is 'tpu': write cpu, cuda or auto"):
        choose_device("tpu")
