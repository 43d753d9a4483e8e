"""What the workflow's thin scripts and rules share: ``job`` and ``source_digest``.

``job`` gives a script its inputs, settings and temporary outputs from one uniform command line and
puts the outputs into place when all went well. ``source_digest`` summarises the code that a script
depends on, so that a rule can declare it. Formats, science and printing live elsewhere.
"""

from __future__ import annotations

import argparse
import ast
import errno
import hashlib
import json
import logging
import os
import random
import shutil
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from archloom.errors import ArchloomError

PACKAGE = "archloom"
SOURCE = Path(__file__).parent
LOG_LINES = 8
UNWRITABLE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EEXIST,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One run of a rule's script.

    ``inputs`` holds lists of paths by name; ``output`` holds *temporary* paths by name, moved into
    place when the job ends without an error (a script may make a folder of one); ``settings`` is
    the rule's part of the configuration; ``resume`` is a folder for checkpoints that outlives a
    killed job and depends on code, settings, seed and inputs, so that it never holds stale ones.
    """

    inputs: Mapping[str, list[Path]]
    output: Mapping[str, Path]
    settings: Mapping[str, Any]
    wildcards: Mapping[str, str]
    seed: int
    threads: int
    resume: Path | None

    def input(self, name: str) -> Path:
        """Return the one path of input ``name``; raises ``KeyError`` when it is not exactly one."""
        paths = self.inputs.get(name, [])
        if len(paths) != 1:
            raise KeyError(f"input {name!r} has {len(paths)} paths, expected one")
        return paths[0]

    def progress(self, done: int, total: int) -> None:
        """Log how far the job is, about twenty times in all."""
        if done == total or done % max(1, total // 20) == 0:
            logger.info("done %d of %d", done, total)


@contextmanager
def job(arguments: Sequence[str] | None = None) -> Iterator[Job]:
    """Parse the command line that a rule passes, log to its log file, move the outputs into place.

    On an error nothing of the outputs is left, the end of the log goes to standard error and the
    process exits with status 1 (130 on Ctrl-C, 143 when terminated).
    """
    options = _parser().parse_args(arguments)
    targets = {name: Path(path) for name, path in options.output}
    temporary = {name: _temporary(path) for name, path in targets.items()}
    handlers: list[logging.Handler] = []
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        handlers += _start_logging(Path(options.log))
        _clear_way(targets.values())
        run = _job(options, temporary)
        _seed_everything(run.seed, run.threads)
        logger.info("start %s with settings %s", " ".join(run.wildcards.values()), options.settings)
        yield run
        _publish(temporary, targets)
        if run.resume:
            shutil.rmtree(run.resume.parent, ignore_errors=True)
    except KeyboardInterrupt:
        logger.error("interrupted; outputs are removed, checkpoints are kept")
        sys.exit(130)
    except Exception as error:
        _fail(error, options.log)
    finally:
        signal.signal(signal.SIGTERM, previous)
        for path in temporary.values():
            _remove(path)
        _stop_logging(handlers)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Called by a rule of the workflow.")
    parser.add_argument("--input", nargs="+", action="append", default=[], metavar="NAME")
    parser.add_argument("--output", nargs=2, action="append", default=[], metavar=("NAME", "PATH"))
    parser.add_argument("--wildcard", nargs=2, action="append", default=[], metavar=("NAME", "V"))
    parser.add_argument("--settings", default="{}", metavar="JSON")
    parser.add_argument("--code", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--log", required=True)
    return parser


def _job(options: argparse.Namespace, temporary: Mapping[str, Path]) -> Job:
    inputs = {name: [Path(path) for path in paths] for name, *paths in options.input}
    resume = None
    if options.resume:
        resume = options.resume / _fingerprint(options, inputs)
        resume.mkdir(parents=True, exist_ok=True)
    return Job(
        inputs=inputs,
        output=temporary,
        settings=json.loads(options.settings),
        wildcards=dict(options.wildcard),
        seed=options.seed,
        threads=options.threads,
        resume=resume,
    )


def _fingerprint(options: argparse.Namespace, inputs: Mapping[str, list[Path]]) -> str:
    """Digest of all that a checkpoint depends on: code, settings, seed, wildcards and inputs."""
    states = [path.stat() for paths in inputs.values() for path in paths]
    facts = [options.code, options.settings, options.seed, options.wildcard]
    facts += [(state.st_size, state.st_mtime_ns) for state in states]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _temporary(path: Path) -> Path:
    """Return a path beside ``path`` with the same suffix."""
    return path.with_name(f".part-{os.getpid()}-{path.name}")


def _clear_way(targets: Iterable[Path]) -> None:
    """Make the folders of the outputs and remove what killed jobs left in them."""
    for path in targets:
        path.parent.mkdir(parents=True, exist_ok=True)
        for stale in path.parent.glob(f".part-*-{path.name}"):
            _remove(stale)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.parent.is_dir():
        path.unlink(missing_ok=True)


def _publish(temporary: Mapping[str, Path], targets: Mapping[str, Path]) -> None:
    """Move every output into place; none is moved when one is missing."""
    missing = [name for name, path in temporary.items() if not path.exists()]
    if missing:
        raise FileNotFoundError(f"the script did not write its output {', '.join(missing)}")
    for name, path in temporary.items():
        if targets[name].is_dir():
            shutil.rmtree(targets[name])
        os.replace(path, targets[name])


def _start_logging(path: Path) -> list[logging.Handler]:
    """Send everything to the log file and, on a terminal, also to standard error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [logging.FileHandler(path, mode="w", encoding="utf-8")]
    if sys.stderr.isatty():
        handlers.append(logging.StreamHandler())
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(handler)
    logging.captureWarnings(True)
    return handlers


def _stop_logging(handlers: Sequence[logging.Handler]) -> None:
    logging.captureWarnings(False)
    for handler in handlers:
        logging.getLogger().removeHandler(handler)
        handler.close()


def _seed_everything(seed: int, threads: int) -> None:
    """Seed the global generators and bound the threads of what is loaded already.

    The library passes its own generators; this only keeps third-party code deterministic. Snakemake
    sets OMP_NUM_THREADS and its like for every job.
    """
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
        sys.modules["torch"].set_num_threads(threads)


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(143)


def _fail(error: Exception, log: str) -> NoReturn:
    """Log the error whole, show what a person needs, and leave with status 1."""
    logger.error("failed", exc_info=error)
    if isinstance(error, ArchloomError):
        text = f"error: {error}"
    elif isinstance(error, OSError) and error.errno in UNWRITABLE:
        text = (
            f"error: {error.filename or 'a file'}: {error.strerror}. Free space or make the folder "
            "writable, then run the same command again; what is finished is kept."
        )
    else:
        lines = "".join(traceback.format_exception(error)).rstrip().splitlines()
        text = "\n".join(lines[-LOG_LINES:])
    sys.stderr.write(f"{text}\nThe whole log is in {log}\n")
    sys.exit(1)


def source_digest(*roots: str | Path, source: Path = SOURCE) -> str:
    """Return a digest of the code that the given scripts or modules depend on.

    ``roots`` are module names (``archloom.search.evolution``) or paths of scripts. All modules of
    archloom that they import, directly or through others, at module or function level, are
    included; comments, docstrings and formatting do not count. A name imported from a package is
    followed to the module that defines it, so that its siblings do not count. Templates count with
    the module that renders them. This module is left out: it moves results about but does not
    shape them. Cached per process.
    """
    todo = [(str(root), _path_of(root, source)) for root in roots]
    parts: dict[str, str] = {}
    while todo:
        name, path = todo.pop()
        if name in parts or name == f"{PACKAGE}.workflow":
            continue
        module = _read_module(path, name if path.is_relative_to(source) else None, source)
        parts[name] = module.code
        todo += [(found, _path_of(found, source)) for found in module.imports]
    text = json.dumps([code for _, code in sorted(parts.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class _Module:
    """The code of a module without comments and docstrings, and the modules that it imports."""

    code: str
    imports: tuple[str, ...]


def _path_of(root: str | Path, source: Path) -> Path:
    if str(root).endswith(".py"):
        return Path(root)
    found = _module_path(str(root), source)
    if found is None:
        raise ModuleNotFoundError(f"there is no module {root} under {source}")
    return found


def _module_path(name: str, source: Path) -> Path | None:
    """Return the file of a module of the package, or None when there is no such module."""
    first, *rest = name.split(".")
    if first != PACKAGE:
        return None
    stem = source.joinpath(*rest)
    candidates = (stem.with_suffix(".py"), stem / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


@cache
def _read_module(path: Path, name: str | None, source: Path) -> _Module:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    package = _package_of(path, name)
    imports = {found for node in ast.walk(tree) for found in _imported(node, package, source)}
    return _Module(_code_only(tree) + _templates(path, tree), tuple(sorted(imports)))


def _templates(path: Path, tree: ast.AST) -> str:
    """Return the files of the folder ``templates`` beside a module that names that folder."""
    named = any(
        isinstance(node, ast.Constant) and node.value == "templates" for node in ast.walk(tree)
    )
    folder = path.parent / "templates"
    if not named or not folder.is_dir():
        return ""
    return "".join(file.read_text(encoding="utf-8") for file in sorted(folder.iterdir()))


def _package_of(path: Path, name: str | None) -> str:
    """Return the package that relative imports of a module start from."""
    if name is None:
        return ""
    return name if path.name == "__init__.py" else name.rpartition(".")[0]


def _imported(node: ast.AST, package: str, source: Path) -> Iterator[str]:
    """Yield the modules of archloom that an import statement refers to."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if _module_path(alias.name, source))
    elif isinstance(node, ast.ImportFrom):
        module = _absolute(node, package)
        if _module_path(module, source):
            yield from (_defining_module(module, alias.name, source) for alias in node.names)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """Return the absolute name of the module of a ``from ... import`` statement."""
    if not node.level:
        return node.module or ""
    base = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


@cache
def _defining_module(module: str, name: str, source: Path) -> str:
    """Return the module that defines ``name``, following what package files import from others."""
    if _module_path(f"{module}.{name}", source):
        return f"{module}.{name}"
    path = _path_of(module, source)
    if path.name == "__init__.py":
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return _defining_module(_absolute(node, module), alias.name, source)
    return module


def _code_only(tree: ast.Module) -> str:
    """Return the source of a tree without docstrings; comments and layout are gone already."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)
