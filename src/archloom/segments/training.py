"""Train a vocabulary: labels of a set of graphs, merges by SentencePiece (AutoGO spec 2.3, 2.4).

Symbols travel to SentencePiece as CJK unified ideographs: one script, so no cut between scripts,
and ranges that its normaliser leaves alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from archloom.errors import ConfigError, DataError
from archloom.graph import Graph, graph_hashes
from archloom.segments.batch import batches
from archloom.segments.vocabulary import Vocabulary
from archloom.views.labels import Encoding, label_keys, label_text

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

logger = logging.getLogger(__name__)

N_SPECIAL = 3
"""Pieces of every SentencePiece model that are no symbols: unknown, begin and end of sentence."""

_ALPHABET = np.concatenate([np.arange(0x4E00, 0x9FA6), np.arange(0x20000, 0x2A6D7)]).astype("<u4")
"""Character of every symbol; that of 0 is never used."""

MAX_SYMBOLS = len(_ALPHABET) - 1
_LINE_BYTES = 4192  # SentencePiece's default limit; longer lines would be dropped silently


def train_vocabulary(
    graphs: Iterable[Graph],
    *,
    size: int = 2000,
    encoding: Encoding | None = None,
    accuracy: Mapping[str, float] | None = None,
) -> Vocabulary:
    """Return a vocabulary of at most ``size`` pieces: 3 special, one per label, the rest merges.

    graphs   : any order, streamed once; the result does not depend on their order
    accuracy : by graph hash, as fractions. Families go by name; within one, graphs by descending
               accuracy, those without accuracy last, ties by name and hash

    A corpus too small for ``size`` yields fewer merges (logged). Raises ``DataError`` without
    graphs or with more than ``MAX_SYMBOLS`` labels, ``ConfigError`` when ``size`` does not hold
    all labels.
    """
    encoding = encoding or Encoding()
    corpus = _read_corpus(graphs, encoding, accuracy or {})
    if not corpus.lines:
        raise DataError(
            "no graphs to train a vocabulary on: check that the graph stores are not empty."
        )
    corpus = corpus.sorted()
    n_labels = len(corpus.labels)
    if n_labels > MAX_SYMBOLS:
        raise DataError(
            f"the graphs have {n_labels} different labels, SentencePiece can be given "
            f"{MAX_SYMBOLS}: choose a coarser encoding (op, shp or one ending in _nio)."
        )
    merges = train_merges([line + 1 for line in corpus.lines], size)
    families = tuple(sorted({family for family, *_ in corpus.keys}))
    logger.info(
        "vocabulary graphs %d labels %d merges %d", len(corpus.lines), n_labels, len(merges)
    )
    return Vocabulary(encoding, tuple(corpus.labels), merges, families)


Lines = Sequence[Sequence[int] | NDArray[np.integer]]


def train_merges(lines: Lines, size: int) -> tuple[tuple[int, ...], ...]:
    """Return the merges that SentencePiece learns from symbol ``lines``, in order of rank.

    lines : (n,) symbols of each graph
    size  : pieces in all, see ``train_vocabulary``
    """
    from sentencepiece import SentencePieceProcessor

    n_symbols = len(np.unique(np.concatenate(lines)))
    if size < n_symbols + N_SPECIAL:
        raise ConfigError(
            f"vocabulary size {size} is too small: {n_symbols} labels and {N_SPECIAL} special "
            f"pieces must fit, write at least {n_symbols + N_SPECIAL} (merges come on top)."
        )
    if size == n_symbols + N_SPECIAL:
        return ()
    merges = _read_merges(SentencePieceProcessor(model_proto=train_model(lines, size)))
    supported = N_SPECIAL + n_symbols + len(merges)
    if supported < size:
        logger.info("vocabulary size %d wanted, the corpus supports %d", size, supported)
    return merges


def train_model(lines: Lines, size: int) -> bytes:
    """Return the serialised SentencePiece model of ``lines``, (n,) symbols each, with at most
    ``size`` pieces.
    """
    import sentencepiece

    texts = [spell(line) for line in lines]
    model = BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        model_type="bpe",
        vocab_size=size,
        hard_vocab_limit=False,
        character_coverage=1.0,
        split_by_unicode_script=True,
        split_by_number=False,
        split_by_whitespace=False,
        add_dummy_prefix=False,
        required_chars=texts[0][0],
        max_sentence_length=max(_LINE_BYTES, *(4 * len(text) for text in texts)),
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def spell(symbols: Sequence[int] | NDArray[np.integer]) -> str:
    """Return the n characters that stand for ``symbols`` (n,) in a SentencePiece model."""
    return _ALPHABET[np.asarray(symbols, dtype=np.int64)].tobytes().decode("utf-32-le")


@dataclass(frozen=True)
class _Corpus:
    """Labels of graphs: ``lines`` hold one array per graph of positions in ``labels``, by node
    order; ``keys`` say where each graph belongs in the corpus, the family first.
    """

    labels: list[str]
    lines: list[NDArray[np.int32]]
    keys: list[tuple[str, float, str, str]]

    def sorted(self) -> _Corpus:
        """Return the graphs in corpus order, labels in order of first appearance."""
        rows = sorted(range(len(self.keys)), key=self.keys.__getitem__)
        lines = [self.lines[row] for row in rows]
        used, first = np.unique(np.concatenate(lines), return_index=True)
        by_appearance = used[np.argsort(first)]
        position = np.empty(len(self.labels), dtype=np.int32)
        position[by_appearance] = np.arange(len(by_appearance))
        return _Corpus(
            [self.labels[label] for label in by_appearance.tolist()],
            [position[line] for line in lines],
            [self.keys[row] for row in rows],
        )


def _read_corpus(
    graphs: Iterable[Graph], encoding: Encoding, accuracy: Mapping[str, float]
) -> _Corpus:
    """Return the labels of ``graphs``, graphs as they come."""
    label_of_key: dict[int, int] = {}
    labels: dict[str, int] = {}
    corpus = _Corpus([], [], [])
    for batch in batches(graphs):
        keys = label_keys(batch.union, encoding)
        distinct, node, inverse = np.unique(keys, return_index=True, return_inverse=True)
        for key, example in zip(distinct.tolist(), node.tolist(), strict=True):
            if key not in label_of_key:
                text = label_text(batch.union, example, encoding)
                label_of_key[key] = labels.setdefault(text, len(labels))
        found = np.array([label_of_key[key] for key in distinct.tolist()], dtype=np.int32)
        corpus.lines.extend(np.split(found[inverse[batch.order]], batch.bounds[1:-1]))
        for graph, digest in zip(batch.graphs, graph_hashes(batch.graphs), strict=True):
            best_first = -accuracy.get(digest, float("-inf"))
            corpus.keys.append((graph.family, best_first, graph.name, digest))
    corpus.labels.extend(labels)
    return corpus


def _read_merges(model: SentencePieceProcessor) -> tuple[tuple[int, ...], ...]:
    """Return the pieces of a trained model that are longer than one symbol, highest score first."""
    scored = [
        (-model.get_score(piece), model.id_to_piece(piece))
        for piece in range(N_SPECIAL, model.get_piece_size())
    ]
    symbol_of = {chr(code): symbol for symbol, code in enumerate(_ALPHABET.tolist())}
    return tuple(
        tuple(symbol_of[character] for character in text)
        for _, text in sorted(scored)
        if len(text) > 1
    )
