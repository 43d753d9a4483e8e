"""The registry of operations: the reference's vocabulary is fixed, others may follow."""

import pytest

from archloom.errors import GraphError
from archloom.graph import OPS, Op, ShapeRule
from archloom.graph.ops import OpRegistry


def test_the_first_32_codes_are_the_references_vocabulary(data_folder):
    path = data_folder / "autogo_vocab" / "tf_primitive_ops_simplified.txt"
    names = [name.lower() for name in path.read_text(encoding="utf-8").split()]
    assert len(names) == 31
    assert [OPS.name(code) for code in range(1, 32)] == names
    assert OPS.name(0) == "unknown"


def test_codes_of_embedding_tables_must_never_change():
    names = "unknown input output conv depthwise batchnorm relu relu6 matmul add mul concat".split()
    assert [OPS.code(name) for name in names] == list(range(12))
    assert (OPS.code("maxpool"), OPS.code("mean"), OPS.code("zero")) == (12, 19, 26)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(GraphError, match="unknown operation 'convolution'.*conv, .*register"):
        OPS.get("convolution")
    with pytest.raises(GraphError, match="unknown operation code 1000"):
        OPS.name(1000)
    assert "convolution" not in OPS
    assert "conv" in OPS


def test_a_registered_operation_extends_names_codes_and_tables():
    registry = OpRegistry()
    registry.register(Op(name="first", code=0, canonical="first"))
    assert registry.table("shape").tolist() == [ShapeRule.COPY]
    registry.register(Op(name="pooling", code=2, canonical="pool", shape=ShapeRule.GLOBAL))
    assert len(registry) == 3
    assert registry.table("shape").tolist() == [ShapeRule.COPY, 0, ShapeRule.GLOBAL]
    assert registry.by_code(2).canonical == "pool"


@pytest.mark.parametrize("op", [("first", 1), ("second", 0)])
def test_a_taken_name_or_code_is_refused(op):
    registry = OpRegistry()
    registry.register(Op(name="first", code=0, canonical="first"))
    name, code = op
    with pytest.raises(GraphError, match="registered already.*from 1 on"):
        registry.register(Op(name=name, code=code, canonical=name))
