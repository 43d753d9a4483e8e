"""Tensors become arrays and come back."""

import numpy as np
import pytest
import torch

from archloom.execute.tensors import array_of, tensor_of


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
)
def test_type_shape_and_numbers_are_kept(dtype):
    for given in (torch.tensor([[0, 1, 2], [3, 0, 5]]).to(dtype), torch.tensor(1).to(dtype)):
        array = array_of(given)
        assert array.dtype.name == str(dtype).removeprefix("torch.")
        assert tensor_of(array).dtype == dtype and torch.equal(tensor_of(array), given)


def test_memory_is_shared_where_it_may_be_written():
    array = np.zeros(3, dtype=np.float32)
    assert tensor_of(array).data_ptr() == array.ctypes.data
    array.setflags(write=False)
    assert tensor_of(array).data_ptr() != array.ctypes.data
    assert tensor_of(np.arange(6).reshape(2, 3).T).is_contiguous()
