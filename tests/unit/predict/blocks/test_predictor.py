"""AutoBuild's predictor: the published files, layers spelled out, training, units, its files."""

import json
from dataclasses import replace
from itertools import islice

import numpy as np
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
import torch

from archloom.data.block_table import BlockLabels, read_block_table
from archloom.errors import ConfigError, DataError, FormatError, TrainingError
from archloom.predict import GNN
from archloom.predict.blocks.network import BlockNetwork, BlockShape, GATv2Conv, GraphConv, Nodes
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.predict.blocks.task import BlockTraining
from archloom.predict.metrics import spearman
from archloom.spaces import FAMILIES, nb201
from archloom.views.block_space import block_space
from archloom.views.sequence import mobile_space, sequence_graphs

SPACE = FAMILIES["ofa_mbv3"]


def labelled(n, seed=0):
    """Networks labelled with 10 + their mean expansion, which is easy to learn."""
    architectures = tuple(islice(SPACE.architectures(seed), n))
    values = [
        10 + np.mean([e for stage in SPACE.parse(text) for e, _ in stage]) for text in architectures
    ]
    return BlockLabels("ofa_mbv3", architectures, np.array(values), "expansion")


@pytest.fixture(scope="module")
def trained():
    settings = BlockTraining(epochs=20, batch_size=50, learning_rate=3e-3, test_share=0.2)
    return BlockPredictor.fit(labelled(500), settings)


@pytest.mark.parametrize(
    "name",
    [
        f"{f}_{t}"
        for f in ("ofa_mbv3", "ofa_pn")
        for t in ("acc", "latency_cpu", "latency_gpu", "latency_npu")
    ],
)
def test_published_predictors(name, data_folder):
    folder = data_folder / "autobuild_models"
    models = json.loads((folder / "models.json").read_text())["models"]
    facts = next(one for one in models if one["file"] == f"{name}.safetensors")
    predictor = BlockPredictor.load(folder / facts["file"])
    assert predictor.family == facts["family"] and not predictor.card.seen["moments"]
    space = mobile_space(facts["family"])
    table = read_block_table(data_folder / "ofa_pseudo" / f"{facts['family']}.parquet", space)
    some = table.architectures[:200]
    wanted = table.metrics[facts["target"]][:200]
    np.testing.assert_allclose(predictor.predict(some), wanted, rtol=1e-5)
    for check in facts["checks"]:
        architecture = table.architectures[check["parquet_row"]]
        assert predictor.predict([architecture])[0] == pytest.approx(check["prediction"], rel=1e-5)
        norms = predictor.norms([architecture])[:, 0]
        np.testing.assert_allclose(norms, check["graph_l1_norm_per_hop"], rtol=1e-5, atol=5.1e-5)
        nodes = Nodes.of(sequence_graphs(space, [architecture]))
        with torch.no_grad():
            hops = predictor.network.hops(nodes)
        last = [hop[-1].abs().sum().item() for hop in hops]
        np.testing.assert_allclose(last, check["last_node_l1_norm_per_hop"], rtol=1e-5, atol=5.1e-5)
        scalars = check["first_node_feature_scalars"]
        np.testing.assert_allclose(hops[0][0].numpy(), scalars, rtol=1e-5, atol=5.1e-6)


def test_layers_are_those_of_the_definitions():
    torch.manual_seed(0)
    nodes = Nodes.of(sequence_graphs(SPACE, labelled(3).architectures))
    x = torch.randn(len(nodes.parent), 6)
    attention, plain = GATv2Conv(6, 8), GraphConv(6, 8)
    for linear in (attention.lin_l, attention.lin_r):
        torch.nn.init.normal_(linear.bias)
    torch.nn.init.normal_(attention.bias)
    found = attention(x, nodes), plain(x, nodes)
    for i in range(len(x)):
        before = [int(nodes.parent[i])] if nodes.linked[i] else []
        keys = [attention.lin_l(x[j]) for j in (*before, i)]
        query = attention.lin_r(x[i])
        logits = [
            (attention.att[0, 0] * torch.nn.functional.leaky_relu(query + key, 0.2)).sum()
            for key in keys
        ]
        weights = torch.softmax(torch.stack(logits), dim=0)
        wanted = sum(w * key for w, key in zip(weights, keys, strict=True)) + attention.bias
        torch.testing.assert_close(found[0][i], wanted)
        message = sum((x[j] for j in before), torch.zeros(6))
        torch.testing.assert_close(found[1][i], plain.lin_rel(message) + plain.lin_root(x[i]))


def test_a_network_sees_its_graphs_one_by_one():
    torch.manual_seed(1)
    for pooling in ("mean", "sum"):
        network = BlockNetwork(BlockShape(width=8, pooling=pooling)).eval()
        architectures = labelled(4).architectures
        together = network(Nodes.of(sequence_graphs(SPACE, architectures)))
        alone = [network(Nodes.of(sequence_graphs(SPACE, [one]))) for one in architectures]
        torch.testing.assert_close(together[0], torch.cat([one for one, _ in alone]))
        torch.testing.assert_close(together[1], torch.cat([norms for _, norms in alone], dim=1))


def test_training_learns_the_target_and_orders_the_norms(trained):
    metrics = trained.card.metrics
    assert metrics["networks"] == 100 and metrics["srcc"] > 0.9 and metrics["mae"] < 0.2
    assert max(metrics["srcc_per_hop"]) > 0.9
    fresh = labelled(60, seed=5)
    found = trained.predict(fresh.architectures)
    assert np.corrcoef(found, fresh.values)[0, 1] > 0.9
    assert abs(found.mean() - fresh.values.mean()) < 0.2


def test_training_is_repeatable_and_leaves_the_random_state_alone():
    settings = BlockTraining(epochs=1, batch_size=50)
    state = torch.get_rng_state()
    first, second = (BlockPredictor.fit(labelled(200), settings) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    for name, tensor in first.network.state_dict().items():
        assert torch.equal(tensor, second.network.state_dict()[name]), name


class Stop(Exception):
    """Raised in place of a kill."""


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path):
    settings = BlockTraining(epochs=4, batch_size=50)
    state, data, epochs = tmp_path / "state.safetensors", labelled(200), []

    def stop(record):
        if record.epoch == 2:
            raise Stop

    whole = BlockPredictor.fit(data, settings)
    often = {"checkpoint": state, "checkpoint_seconds": 0}
    with pytest.raises(Stop):
        BlockPredictor.fit(data, settings, on_epoch=stop, **often)
    rest = BlockPredictor.fit(
        data, settings, on_epoch=lambda record: epochs.append(record.epoch), **often
    )
    assert epochs == [3, 4]
    assert rest.digest == whole.digest and rest.card == whole.card


def test_the_compiled_steps_run_on_the_cpu_only():
    settings = BlockTraining(epochs=1, batch_size=50)
    with pytest.raises(ConfigError, match="compiled for the CPU.*write cpu or auto"):
        BlockPredictor.fit(labelled(200), settings, device="cuda")
    with pytest.raises(ConfigError, match="write cpu, cuda or auto"):
        BlockPredictor.fit(labelled(200), settings, device="tpu")
    found, wanted = (
        BlockPredictor.fit(labelled(200), settings, device=one) for one in ("auto", "cpu")
    )
    assert found.digest == wanted.digest


def test_moments_are_those_of_the_training_networks():
    settings, labels = BlockTraining(epochs=1, batch_size=50), labelled(200)
    predictor = BlockPredictor.fit(labels, settings)
    train, _ = settings.split(list(map(str, range(200))))
    chosen = [labels.architectures[i] for i in train]
    deep = np.array([text.split("|")[2].count(",") == 3 for text in chosen])
    values = labels.values[train][deep]
    moments = predictor.network.embed_layer.moment_tsr[2, 3]
    np.testing.assert_allclose(moments, [values.mean(), values.std()], rtol=1e-5)
    with torch.no_grad():
        hop = predictor.network.hops(Nodes.of(sequence_graphs(SPACE, chosen)))[3].abs().sum(1)
    found = predictor.network.hop_moments[:, 3]
    torch.testing.assert_close(found, torch.stack([hop.mean(), hop.std()]))


def test_a_unit_scores_as_the_stage_does_alone(trained):
    scored = trained.score_units()
    network, units = trained.network, scored.units
    for i in (0, 5000, 20000, 36854):
        unit, size = int(units.unit[i]), int(units.size[i])
        stages = ["e3k3,e3k3"] * 5
        stages[unit] = units.blocks[i]
        whole = sequence_graphs(SPACE, ["|".join(stages)])
        rows = np.flatnonzero(whole.codes[:, 0] == unit)
        alone = Nodes.of(
            type(whole)(
                whole.codes[rows], whole.resolution[rows], np.arange(size) - 1, np.array([0, size])
            )
        )
        with torch.no_grad():
            norm = network.hops(alone)[size - 1][-1].abs().sum().item()
            inside = network.hops(Nodes.of(whole))[size - 1][rows[-1]].abs().sum().item()
        assert scored.norm[i] == pytest.approx(norm, rel=1e-4)
        assert inside == pytest.approx(norm, rel=1e-4)
        mean, std = network.hop_moments[:, size - 1].tolist()
        low, spread = network.embed_layer.moment_tsr[unit, size - 1].tolist()
        assert scored.score[i] == pytest.approx((norm - mean) / std * spread + low, rel=1e-4)


def test_units_are_ranked_by_what_makes_the_target(trained):
    scored = trained.score_units()
    words = [unit.split(",") for unit in scored.units.blocks]
    truth = np.array([np.mean([int(block[1]) for block in unit]) for unit in words])
    for unit in range(5):
        inside = scored.units.unit == unit
        assert spearman(scored.score[inside], truth[inside]) > 0.4


def test_the_best_come_first(trained):
    scored = trained.score_units()
    for indices in scored.best(5):
        unit = scored.units.unit[indices[0]]
        assert scored.score[indices[0]] == scored.score[scored.units.unit == unit].max()
        assert (np.diff(scored.score[indices]) <= 0).all()
    assert [len(indices) for indices in scored.best([1, 2, 3, 4, 5])] == [1, 2, 3, 4, 5]
    with pytest.raises(ConfigError, match="one per unit"):
        scored.best([1, 2])
    with pytest.raises(ConfigError, match="k = 0"):
        scored.best(0)


def test_units_of_the_other_family():
    architectures = tuple(islice(FAMILIES["ofa_pn"].architectures(0), 120))
    labels = BlockLabels("ofa_pn", architectures, np.arange(120.0), "i")
    predictor = BlockPredictor.fit(labels, BlockTraining(epochs=1, batch_size=50))
    scored = predictor.score_units()
    assert len(scored) == 95823 and np.isfinite(scored.score).all()
    assert len(block_space("ofa_pn").spans) == len(scored.best(2)) == 5


def test_tables_and_space_hold_the_scores(trained, tmp_path):
    scored = trained.score_units()
    for name, reader in (("u.parquet", pq.read_table), ("u.csv", pc.read_csv)):
        scored.write(tmp_path / name)
        table = reader(tmp_path / name)
        assert table.column_names == ["unit", "n_blocks", "blocks", "hop", "norm", "score"]
        np.testing.assert_allclose(table["score"].to_numpy(), scored.score)
        assert table["blocks"].to_pylist() == list(scored.units.blocks)
    with pytest.raises(ConfigError, match="ends in"):
        scored.write(tmp_path / "u.txt")
    scored.write_space(tmp_path / "space.json", 3)
    space = json.loads((tmp_path / "space.json").read_text())
    best = scored.best(3)[1].tolist()
    assert [one["blocks"] for one in space["units"][1]] == [scored.units.blocks[i] for i in best]
    assert (space["family"], space["target"], len(space["units"])) == ("ofa_mbv3", "expansion", 5)


def test_a_file_holds_the_predictor(trained, tmp_path):
    trained.save(tmp_path / "p.safetensors")
    again = BlockPredictor.load(tmp_path / "p.safetensors")
    assert again.card == trained.card
    np.testing.assert_array_equal(again.score_units().score, trained.score_units().score)
    assert json.loads((tmp_path / "p.json").read_text())["target"] == "expansion"


def test_foreign_files_are_refused(trained, tmp_path):
    GNN().save(tmp_path / "gnn.safetensors")
    with pytest.raises(FormatError, match="holds a gnn predictor, blocks was asked for"):
        BlockPredictor.load(tmp_path / "gnn.safetensors")
    trained.save(tmp_path / "p.safetensors")
    content = (tmp_path / "p.safetensors").read_bytes()
    (tmp_path / "p.safetensors").write_bytes(content[:-8])
    with pytest.raises(FormatError, match="truncated"):
        BlockPredictor.load(tmp_path / "p.safetensors")


def test_a_predictor_without_moments_scores_no_units(trained):
    card = replace(trained.card, seen={**trained.card.seen, "moments": False})
    with pytest.raises(DataError, match="no moments"):
        BlockPredictor(trained.network, card).score_units()


def test_too_few_networks_and_missing_depths_are_told():
    with pytest.raises(DataError, match="at least one batch"):
        BlockPredictor.fit(labelled(50))
    rest = labelled(200).architectures
    shallow = tuple("e3k3,e3k3|" + name.partition("|")[2] for name in rest)
    same = BlockLabels("ofa_mbv3", shallow, np.arange(200.0), "i")
    with pytest.raises(DataError, match="blocks in unit 1 of ofa_mbv3"):
        BlockPredictor.fit(same)


def test_a_training_that_diverges_says_so():
    settings = BlockTraining(epochs=3, batch_size=50, learning_rate=1e30)
    with pytest.raises(TrainingError, match="diverged in epoch .* lower learning_rate"):
        BlockPredictor.fit(labelled(200), settings)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"epochs": 0}, "epochs"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"rank_weight": -1.0}, "rank_weight"),
        ({"test_share": 1.0}, "test_share"),
        ({"soft_ranks": "hard"}, "soft_ranks"),
    ],
)
def test_settings_out_of_range(settings, name):
    with pytest.raises(ConfigError, match=name):
        BlockTraining(**settings)


@pytest.mark.parametrize("shape", [{"layer": "gat"}, {"width": 0}, {"pooling": "max"}])
def test_shapes_out_of_range(shape):
    with pytest.raises(ConfigError, match=next(iter(shape))):
        BlockShape(**shape)


def test_networks_that_compute_the_same_are_not_parted_by_the_split():
    settings = BlockTraining(batch_size=2, test_share=0.25)
    twins = [str(i % 20) for i in range(60)]
    train, test = settings.split(twins)
    assert sorted([*train, *test]) == list(range(60)) and len(test) == 15
    assert not {twins[i] for i in train} & {twins[i] for i in test}


def test_cells_are_learnt_and_their_states_ranked(tmp_path):
    cells = list(nb201.enumerate_all())
    chosen = np.random.default_rng(0).permutation(len(cells))[:600]
    values = np.array([cells[i].count("conv_3x3") for i in chosen], dtype=float)
    labels = BlockLabels("nb201", tuple(cells[i] for i in chosen), values, "convolutions")
    settings = BlockTraining(epochs=20, batch_size=50, learning_rate=3e-3)
    BlockPredictor.fit(labels, settings).save(tmp_path / "cells.safetensors")
    predictor = BlockPredictor.load(tmp_path / "cells.safetensors")
    assert predictor.card.metrics["srcc"] > 0.9
    scored = predictor.score_units()
    counts = np.array([unit.count("conv_3x3") for unit in scored.units.blocks])
    assert spearman(scored.score[scored.units.unit == 2], counts[scored.units.unit == 2]) > 0.6
