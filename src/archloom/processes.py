"""Pools of worker processes that end with what started them and leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from typing import Any


@contextmanager
def process_pool(
    n_jobs: int, start: Callable[..., None], arguments: tuple[Any, ...]
) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of fresh interpreters that begin with ``start(*arguments)``.

    When the block ends, what was not begun is dropped and what runs is waited for; on Ctrl-C and on
    a signal that ends this process, workers are ended at once.
    """
    others = set(active_children())
    pool = ProcessPoolExecutor(n_jobs, get_context("spawn"), start, arguments)
    try:
        yield pool
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        for worker in set(active_children()) - others:
            worker.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
