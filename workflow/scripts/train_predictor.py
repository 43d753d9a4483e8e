"""Train the accuracy predictor and test it family by family."""

from archloom.predict import GNN, PSC, Normalisers, TrainingSettings
from archloom.predict.dataset import load_dataset
from archloom.segments.psc_index import read_psc_index, segment_with
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        data = load_dataset(run.inputs["graphs"], run.inputs["labels"], run.inputs["splits"])
        indexes = [read_psc_index(path) for path in run.inputs["index"]]
        given = run.settings["normalisers"]
        sizes = Normalisers(*given) if given else Normalisers.largest_of(data.train.graphs)
        predictor = (
            PSC(normalisers=sizes, segment=segment_with(indexes))
            if indexes
            else GNN(normalisers=sizes)
        )
        settings = TrainingSettings(**run.settings["training"], seed=run.seed)
        predictor.fit(
            data.train,
            data.dev,
            settings,
            checkpoint=run.resume / "state.safetensors",
            device=run.settings["device"],
            on_epoch=lambda record: run.progress(record.epoch, record.epochs),
        )
        test = {name: predictor.evaluate(part) for name, part in data.test_by_family().items()}
        predictor.note(
            what=f"{predictor.kind} predictor of {', '.join(run.settings['families'])}",
            seen={**predictor.card.seen, "vocabulary": indexes[0].vocabulary if indexes else ""},
            split=data.split,
            metrics={**predictor.card.metrics, "test": test, "without_label": data.skipped},
        )
        predictor.save(run.output["weights"])
