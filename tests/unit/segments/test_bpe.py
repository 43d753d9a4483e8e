import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import FormatError
from archloom.segments.bpe import MergeTable
from archloom.segments.training import spell, train_merges, train_model

LINES = [[1, 2, 3, 4] * 5, [1, 2, 1, 2, 5, 5, 5], [3, 4, 1, 2, 3, 4, 5], [2, 2, 2, 2, 1, 5, 3]] * 3


@pytest.fixture(scope="module")
def trained():
    """A SentencePiece model and our table of the same merges."""
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_proto=train_model(LINES, 25))
    return model, MergeTable(train_merges(LINES, 25), 5)


def plain_pieces(merges, disabled, symbols):
    """AutoGO spec 2.5 word by word on tuples of symbols: no queue, no pair table."""
    rank = {merge: number for number, merge in enumerate(merges)}
    pieces, formed_by = [(symbol,) for symbol in symbols], {}

    def look(left):
        if 0 <= left < len(pieces) - 1:
            whole = pieces[left] + pieces[left + 1]
            if whole in rank and disabled[rank[whole]]:
                formed_by[whole] = (pieces[left], pieces[left + 1])

    for left in range(len(pieces)):
        look(left)
    while True:
        found = [
            (rank[a + b], left) for left, (a, b) in enumerate(pairwise(pieces)) if a + b in rank
        ]
        if not found:
            break
        _, left = min(found)
        pieces[left : left + 2] = [pieces[left] + pieces[left + 1]]
        look(left - 1)
        look(left)

    def split(piece):
        if piece in rank and disabled[rank[piece]]:
            return [part for half in formed_by[piece] for part in split(half)]
        return [piece]

    return [len(part) for piece in pieces for part in split(piece)]


def test_earliest_merge_wins_then_leftmost():
    table = MergeTable([(2, 3), (1, 2)], 3)
    assert table.piece_lengths([1, 2, 3]) == [1, 2]
    assert table.piece_lengths([2, 2, 3, 1, 2]) == [1, 2, 2]
    assert MergeTable([(1, 1)], 1).piece_lengths([1, 1, 1]) == [2, 1]


def test_a_piece_forms_from_any_split_of_its_symbols():
    assert MergeTable([(2, 3), (1, 2), (1, 2, 3)], 3).piece_lengths([1, 2, 3]) == [3]


def test_a_disabled_piece_splits_back_into_the_pair_that_formed_it():
    table = MergeTable([(1, 2), (1, 2, 3)], 3)
    assert table.piece_lengths([1, 2, 3], np.array([False, True])) == [2, 1]
    assert table.piece_lengths([1, 2, 3], np.array([True, True])) == [1, 1, 1]
    assert table.piece_lengths([1, 2, 3], np.array([True, False])) == [3]


def test_a_run_of_unknown_symbols_is_one_piece():
    table = MergeTable([(1, 2)], 2)
    assert table.piece_lengths([-1, -2, 1, 2, -1, 2, 99, 0]) == [2, 2, 1, 1, 2]


def test_no_symbols_give_no_pieces():
    assert MergeTable([(1, 2)], 2).piece_lengths([]) == []


def test_draw_keeps_the_share_rounded_down_and_repeats_with_its_seed():
    table = MergeTable([(1, 2), (2, 1), (1, 1)], 2)
    kept = [
        len(table) - int(table.draw(keep, np.random.default_rng(0)).sum()) for keep in (0, 0.5, 1)
    ]
    assert kept == [0, 1, 3]
    masks = [table.draw(0.5, np.random.default_rng(7)).tolist() for _ in range(2)]
    assert masks[0] == masks[1]


@pytest.mark.parametrize("merge", [(1,), (1, 4), (4, 1), (0, 1), (1, 0), (-1, 1), ()], ids=str)
def test_damaged_merges_are_refused(merge):
    with pytest.raises(FormatError, match=r"merge 1 is \(.*two or more symbols from 1 to 3;"):
        MergeTable([(1, 3), merge], 3)


def test_a_merge_that_is_there_twice_is_refused():
    with pytest.raises(FormatError, match="merge 2 repeats the symbols of merge 0"):
        MergeTable([(1, 2), (2, 1), (1, 2)], 3)


@given(st.lists(st.integers(1, 7), max_size=60))
def test_pieces_equal_sentencepiece(trained, symbols):
    model, table = trained
    pieces = model.encode(spell(symbols), out_type=str)
    assert table.piece_lengths(symbols) == [len(piece) for piece in pieces]


@given(st.lists(st.integers(1, 5), max_size=60), st.integers(0, 10_000))
def test_sparse_pieces_equal_the_plain_algorithm(trained, symbols, seed):
    _, table = trained
    disabled = table.draw(0.5, np.random.default_rng(seed))
    assert table.piece_lengths(symbols, disabled) == plain_pieces(table.merges, disabled, symbols)


def published_table(data_folder):
    pieces = json.loads((data_folder / "autogo_vocab/bpe_pieces.json").read_text())["pieces"]
    merges = [piece for piece in pieces if piece["kind"] == "merge"]
    table = MergeTable([tuple(piece["symbols"]) for piece in merges], 1184)
    return table, [piece["id"] for piece in merges]


def pool(data_folder) -> str:
    return json.loads((data_folder / "autogo_vocab/encoder.json").read_text())["chars"]


def test_pieces_of_the_published_model_equal_sentencepiece(data_folder):
    import sentencepiece

    characters, (table, _) = pool(data_folder), published_table(data_folder)
    model = sentencepiece.SentencePieceProcessor(
        str(data_folder / "autogo_vocab/bpe2000_shp.model")
    )
    rng = np.random.default_rng(0)
    for _ in range(200):
        head = rng.integers(1, rng.choice([12, 40, 1300]), size=int(rng.integers(1, 200)))
        lengths = [
            len(piece) for piece in model.encode("".join(characters[i] for i in head), out_type=str)
        ]
        assert table.piece_lengths(head.tolist()) == lengths


def test_published_piece_lengths_full_and_sparse(data_folder, goldens):
    characters, (table, ids) = pool(data_folder), published_table(data_folder)
    kept = set(goldens["sparse_kept_piece_ids"])
    disabled = np.array([piece not in kept for piece in ids])
    for name, golden in goldens["graphs"].items():
        symbols = [characters.index(character) for character in golden["symbols"]]
        assert table.piece_lengths(symbols) == golden["piece_lengths"], name
        assert table.piece_lengths(symbols, disabled) == golden["sparse_piece_lengths"], name
