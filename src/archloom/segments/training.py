"""Train a vocabulary: labels of a set of graphs, merges by SentencePiece (AutoGO spec 2.3, 2.4).

Symbols travel to SentencePiece as CJK unified ideographs: one script, so no cut between scripts,
and a range that its normaliser leaves alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import TYPE_CHECKING

from archloom.errors import ConfigError, DataError
from archloom.graph import Graph, autogo_order
from archloom.segments.vocabulary import Vocabulary
from archloom.views.labels import Encoding, label_keys, label_text

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

logger = logging.getLogger(__name__)

N_SPECIAL = 3
"""Pieces of every SentencePiece model that are no symbols: unknown, begin and end of sentence."""

_FIRST_CHARACTER, _LAST_CHARACTER = 0x4E00, 0x9FA5
MAX_SYMBOLS = _LAST_CHARACTER - _FIRST_CHARACTER
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
    accuracy : by graph hash. Families go by name; within one, graphs by descending accuracy, those
               without accuracy last, ties by name and hash

    A corpus too small for ``size`` yields fewer merges (logged). Raises ``DataError`` without
    graphs or with more than ``MAX_SYMBOLS`` labels, ``ConfigError`` when ``size`` does not hold
    all labels.
    """
    encoding = encoding or Encoding()
    corpus = _ordered_corpus(graphs, encoding, accuracy or {})
    if not corpus:
        raise DataError(
            "no graphs to train a vocabulary on: check that the graph stores are not empty."
        )
    symbol_of: dict[str, int] = {}
    lines = [
        [symbol_of.setdefault(label, len(symbol_of) + 1) for label in labels]
        for _, labels in corpus
    ]
    if len(symbol_of) > MAX_SYMBOLS:
        raise DataError(
            f"the graphs have {len(symbol_of)} different labels, SentencePiece can be given "
            f"{MAX_SYMBOLS}: choose a coarser encoding (op, shp or one ending in _nio)."
        )
    merges = train_merges(lines, size)
    families = tuple(sorted({family for family, _ in corpus}))
    logger.info(
        "vocabulary graphs %d labels %d merges %d", len(corpus), len(symbol_of), len(merges)
    )
    return Vocabulary(encoding, tuple(symbol_of), merges, families)


def train_merges(lines: list[list[int]], size: int) -> tuple[tuple[int, ...], ...]:
    """Return the merges that SentencePiece learns from symbol ``lines``, in order of rank.

    size : pieces in all, see ``train_vocabulary``
    """
    from sentencepiece import SentencePieceProcessor

    n_symbols = len({symbol for line in lines for symbol in line})
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


def train_model(lines: list[list[int]], size: int) -> bytes:
    """Return the serialised SentencePiece model of ``lines`` with at most ``size`` pieces."""
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


def spell(symbols: Iterable[int]) -> str:
    """Return the characters that stand for ``symbols`` in a SentencePiece model."""
    return "".join(chr(_FIRST_CHARACTER + symbol) for symbol in symbols)


def _ordered_corpus(
    graphs: Iterable[Graph], encoding: Encoding, accuracy: Mapping[str, float]
) -> list[tuple[str, list[str]]]:
    """Return (family, labels in node order) of every graph, in corpus order."""
    rows = []
    for graph in graphs:
        keys = label_keys(graph, encoding)
        labels = [label_text(keys[node], encoding) for node in autogo_order(graph).tolist()]
        best_first = -accuracy.get(graph.hash, float("-inf"))
        rows.append((graph.family, best_first, graph.name, graph.hash, labels))
    return [(family, labels) for family, _, _, _, labels in sorted(rows)]


def _read_merges(model: SentencePieceProcessor) -> tuple[tuple[int, ...], ...]:
    """Return the pieces of a trained model that are longer than one symbol, highest score first."""
    scored = [
        (-model.get_score(piece), model.id_to_piece(piece))
        for piece in range(N_SPECIAL, model.get_piece_size())
    ]
    return tuple(
        tuple(ord(character) - _FIRST_CHARACTER for character in text)
        for _, text in sorted(scored)
        if len(text) > 1
    )
