import json
from collections import Counter

import pytest

from archloom.errors import DataError, FormatError
from archloom.graph import GraphBuilder
from archloom.segments.vocabulary import Vocabulary
from archloom.views.labels import Encoding, node_labels


def test_symbols_are_the_labels_in_node_order(tokeniser, networks):
    vocabulary = tokeniser.vocabulary
    labels = Counter(node_labels(networks[0], vocabulary.encoding))
    symbols = vocabulary.encode(networks[0])
    assert Counter(vocabulary.labels[symbol - 1] for symbol in symbols) == labels
    assert vocabulary.labels[symbols[0] - 1].startswith("input,")


def test_unknown_labels_get_negative_symbols_and_leave_the_vocabulary_alone(tokeniser):
    vocabulary = tokeniser.vocabulary
    before = vocabulary.to_json()
    b = GraphBuilder()
    x = b.input(8, 8, 3)
    for op in ("tanh", "tanh", "tanh", "sigmoid"):
        x = b.unary(op, x)
    graph = b.build()
    labels = vocabulary.unknown_labels(graph)
    assert labels[1] == "tanh,in,input,,out,tanh,"
    assert vocabulary.encode(graph) == [-1, -2, -3, -4, -5]
    assert vocabulary.encode(graph) == [-1, -2, -3, -4, -5]
    assert vocabulary.to_json() == before


def test_equal_unknown_labels_share_a_symbol(tokeniser):
    b = GraphBuilder()
    x = b.unary("tanh", b.input(8, 8, 3))
    for _ in range(3):
        x = b.unary("tanh", x)
    assert tokeniser.vocabulary.encode(b.build()) == [-1, -2, -3, -3, -4]


def test_save_and_load_are_inverse(tokeniser, tmp_path):
    tokeniser.vocabulary.save(tmp_path / "vocabulary.json")
    loaded = Vocabulary.load(tmp_path / "vocabulary.json")
    assert loaded == tokeniser.vocabulary
    assert loaded.digest == tokeniser.vocabulary.digest
    assert (
        json.loads((tmp_path / "vocabulary.json").read_text())["format"] == "archloom-vocabulary/1"
    )


def test_the_digest_tells_vocabularies_apart_but_not_their_provenance():
    one = Vocabulary(Encoding(), ("a", "b"), ((1, 2),), ("nb201",))
    assert one.digest == Vocabulary(Encoding(), ("a", "b"), ((1, 2),), ()).digest
    others = [
        Vocabulary(Encoding("op"), ("a", "b"), ((1, 2),)),
        Vocabulary(Encoding("shp", False), ("a", "b"), ((1, 2),)),
        Vocabulary(Encoding(), ("b", "a"), ((1, 2),)),
        Vocabulary(Encoding(), ("a", "b"), ((2, 1),)),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 5


@pytest.mark.parametrize(
    "change",
    [
        {"format": "archloom-vocabulary/2"},
        {"labels": ["a", "a"]},
        {"labels": None},
        {"merges": [[1, 3]]},
        {"merges": [[1, 2], [1, 2]]},
        {"merges": [["x", "y"]]},
        {"encoding": "colour"},
        {"sorted_neighbours": KeyError},
    ],
    ids=str,
)
def test_a_damaged_or_foreign_file_is_refused(change, tmp_path):
    document = Vocabulary(Encoding(), ("a", "b"), ((1, 2),)).to_json() | change
    document = {key: value for key, value in document.items() if value is not KeyError}
    path = tmp_path / "vocabulary.json"
    path.write_text(json.dumps(document))
    with pytest.raises(FormatError):
        Vocabulary.load(path)


def test_a_truncated_file_and_a_missing_one_are_refused(tmp_path, tokeniser):
    path = tmp_path / "vocabulary.json"
    tokeniser.vocabulary.save(path)
    path.write_text(path.read_text()[:200])
    with pytest.raises(FormatError, match="vocabulary.json"):
        Vocabulary.load(path)
    with pytest.raises(DataError, match="absent.json"):
        Vocabulary.load(tmp_path / "absent.json")
    path.write_text("[1, 2]")
    with pytest.raises(FormatError):
        Vocabulary.load(path)


def test_the_published_vocabulary_has_the_published_sizes(published):
    vocabulary = published.vocabulary
    assert vocabulary.n_symbols == 1184
    assert len(vocabulary.merges) == 813
    lengths = Counter(len(merge) for merge in vocabulary.merges)
    assert (lengths[2], lengths[3], lengths[8], lengths[16]) == (179, 178, 17, 1)
    assert vocabulary.encoding == Encoding("shp", sorted_neighbours=False)
    assert vocabulary.families == ("hiaml", "inception", "nb101_5k", "nb201", "two_path")


def test_unknown_labels_of_the_published_graphs(published, goldens, shipped):
    for name, golden in goldens["graphs"].items():
        assert published.vocabulary.unknown_labels(shipped[name]) == golden["oov_labels"], name


def test_the_published_files_are_checked(data_folder, tmp_path):
    for name in ("encoder.json", "bpe_pieces.json"):
        (tmp_path / name).write_bytes((data_folder / "autogo_vocab" / name).read_bytes())
    pieces = json.loads((tmp_path / "bpe_pieces.json").read_text())
    (tmp_path / "bpe_pieces.json").write_text(json.dumps({**pieces, "schema": "autogo-bpe/2"}))
    with pytest.raises(FormatError, match="autogo-bpe/2"):
        Vocabulary.from_published(tmp_path)
    del pieces["pieces"][5]["symbols"]
    (tmp_path / "bpe_pieces.json").write_text(json.dumps(pieces))
    with pytest.raises(FormatError, match="symbols"):
        Vocabulary.from_published(tmp_path)
