"""Pools of worker processes that end with what started them and leave nothing behind.

A thread here speaks with each worker over a pipe of its own. Pools of the standard library hold
named semaphores, which stay in shared memory when all processes are killed at once.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_all_start_methods, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")


class ProcessPool:
    """Processes that begin with ``start(*arguments)`` and then do one task at a time.

    They are fresh interpreters or, with ``preload`` and where the system can, forks of one that has
    only imported these modules. A function and what it takes and returns have to be picklable. A
    worker that dies raises ``BrokenProcessPool``.
    """

    def __init__(
        self,
        n_jobs: int,
        start: Callable[..., None],
        arguments: tuple[Any, ...],
        preload: Sequence[str] = (),
    ) -> None:
        self._threads = ThreadPoolExecutor(n_jobs)
        self._free: SimpleQueue[Connection] = SimpleQueue()
        context = _context(preload)
        self._workers = []
        for _ in range(n_jobs):
            here, there = context.Pipe()
            worker = context.Process(  # type: ignore[attr-defined]  # typeshed has it in subclasses
                target=_serve, args=(there, start, arguments), daemon=True
            )
            worker.start()
            there.close()
            self._free.put(here)
            self._workers.append(worker)

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Return the future result of a task."""
        return self._threads.submit(self._call, function, *arguments)

    def map(self, function: Callable[[Any], Result], tasks: Iterable[Any]) -> Iterator[Result]:
        """Return the results of ``tasks``, in their order; all are begun as workers are free."""
        return self._threads.map(partial(self._call, function), tasks)

    def end(self, *, now: bool) -> None:
        """Drop what was not begun and wait for what runs, or end it ``now``."""
        if now:
            for worker in self._workers:
                worker.terminate()
        self._threads.shutdown(wait=True, cancel_futures=True)
        while not self._free.empty():
            self._free.get().close()
        for worker in self._workers:
            worker.join()

    def _call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        connection = self._free.get()
        try:
            connection.send((function, arguments))
            result, error = connection.recv()
        except (EOFError, ConnectionError) as error:
            raise BrokenProcessPool("a worker process was killed") from error
        finally:
            self._free.put(connection)
        if error is not None:
            raise error
        return result


def _context(preload: Sequence[str]) -> BaseContext:
    """Return how processes are started."""
    if not preload or "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return context


@contextmanager
def process_pool(
    n_jobs: int,
    start: Callable[..., None],
    arguments: tuple[Any, ...],
    preload: Sequence[str] = (),
) -> Iterator[ProcessPool]:
    """Yield a pool, see ``ProcessPool``.

    When the block ends, what was not begun is dropped and what runs is waited for; on Ctrl-C and on
    a signal that ends this process, workers are ended at once.
    """
    pool = ProcessPool(n_jobs, start, arguments, preload)
    now = False
    try:
        yield pool
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        now = True
        raise
    finally:
        pool.end(now=now)


def _serve(connection: Connection, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Do tasks until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a worker without a traceback
    threading.Thread(target=_follow_parent, daemon=True).start()
    start(*arguments)
    while True:
        try:
            function, given = connection.recv()
        except EOFError:
            return
        answer: tuple[Any, Exception | None]
        try:
            answer = function(*given), None
        except Exception as error:  # whatever it is, the parent raises it
            error.add_note(f"in a worker process:\n{traceback.format_exc()}")
            answer = None, error
        connection.send(answer)


def _follow_parent() -> None:
    """End this worker when its parent is gone, killed without a chance to stop it."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
