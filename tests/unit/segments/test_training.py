import logging

import pytest

from archloom.errors import ConfigError, DataError
from archloom.segments import training
from archloom.segments.training import MAX_SYMBOLS, spell, train_merges, train_vocabulary
from archloom.views.labels import Encoding


def test_the_result_does_not_depend_on_the_order_of_graphs(networks):
    first = train_vocabulary(networks, size=90)
    assert train_vocabulary(networks[::-1], size=90) == first
    assert first.n_symbols + len(first.merges) + 3 == 90


def test_labels_are_numbered_by_family_then_accuracy(networks):
    best = networks[3]
    vocabulary = train_vocabulary(
        networks, size=90, accuracy={best.hash: 0.9, networks[1].hash: 0.1, networks[0].hash: 0.2}
    )
    assert vocabulary.families == ("even", "odd")
    assert vocabulary.encode(networks[0])[0] == 1
    only_odd = train_vocabulary(networks[1::2], size=90, accuracy={best.hash: 0.9})
    head = list(dict.fromkeys(only_odd.encode(best)))
    assert head == list(range(1, len(head) + 1))


def test_merges_are_frequent_sequences_best_first():
    merges = train_merges([[1, 2, 3]] * 5 + [[1, 2, 4]] * 4, 7 + 2)
    assert merges == ((1, 2), (1, 2, 3))


def test_merges_are_at_most_sixteen_symbols_long():
    assert max(map(len, train_merges([list(range(1, 60))] * 4, 400))) <= 16


def test_a_corpus_too_small_for_the_size_gives_fewer_merges(caplog):
    with caplog.at_level(logging.INFO):
        merges = train_merges([[1, 2, 3]], 2000)
    assert set(merges) == {(1, 2), (2, 3), (1, 2, 3)}
    assert "2000 wanted, the corpus supports 9" in caplog.text


def test_a_size_without_room_for_merges_gives_none():
    assert train_merges([[1, 2, 1, 2]], 5) == ()


def test_a_size_below_the_number_of_labels_is_refused(networks):
    with pytest.raises(ConfigError, match="write at least"):
        train_vocabulary(networks, size=10)


def test_no_graphs_are_refused():
    with pytest.raises(DataError, match="no graphs"):
        train_vocabulary([])


def test_too_many_labels_are_refused_with_a_way_out(networks, monkeypatch):
    monkeypatch.setattr(training, "MAX_SYMBOLS", 12)
    with pytest.raises(DataError, match="coarser encoding"):
        train_vocabulary(networks, size=90)
    assert train_vocabulary(networks, size=20, encoding=Encoding("op_nio")).n_symbols == 10


def test_every_symbol_survives_sentencepiece():
    """All characters pass the normaliser unchanged and no cut falls between two of them."""
    import sentencepiece

    symbols = list(range(1, MAX_SYMBOLS + 1))
    pairs = [[a, b] for a, b in zip(symbols[::2], symbols[1::2], strict=False)]
    model = sentencepiece.SentencePieceProcessor(
        model_proto=training.train_model([*pairs, symbols[-1:]], MAX_SYMBOLS + 3)
    )
    text = spell(symbols)
    assert "".join(model.encode(text, out_type=str)) == text
    assert model.get_piece_size() == MAX_SYMBOLS + 3
    edges = [[1, MAX_SYMBOLS, 2, MAX_SYMBOLS - 1]] * 3
    assert (1, MAX_SYMBOLS, 2, MAX_SYMBOLS - 1) in train_merges(edges, 20)


def test_long_graphs_are_not_dropped():
    long = [1, 2] * 3000
    assert (1, 2) in train_merges([long], 10)
