"""Compiled loops where nothing can be kept between processes."""

import os
import subprocess
import sys

PROGRAM = """
import numpy as np
from archloom.predict.blocks.kernels import pool
pooled = np.empty((2, 1), np.float32)
pool(np.array([0, 1, 3]), np.array([[1], [2], [4]], np.float32), pooled)
print(pooled.ravel().tolist(), pool._cache.cache_path)
"""


def test_without_a_folder_to_write_to_every_process_compiles_for_itself():
    # the only locator that is allowed serves archives, which the package is not in
    env = os.environ | {"NUMBA_CACHE_LOCATOR_CLASSES": "ZipCacheLocator"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[1.0, 6.0] None\n"
