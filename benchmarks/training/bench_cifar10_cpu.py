"""Do both CIFAR-10 recipes learn? One small released network, few images, on one CPU thread.

    python -m benchmarks.training.bench_cifar10_cpu

Trains the smallest released network (two_path_autogo, 48 MFLOPs) for twelve epochs on 2,500 images
and tests it on 1,000; the paper's recipe is cut to as many epochs. Shows that training works, not
what the networks reach: that takes a GPU (bench_cifar10_front.py). Needs the datasets cifar10 and
autogo_cgs; about four minutes.
"""

from dataclasses import replace

from benchmarks.recording import at_scale, one_thread, published, record, result, table

one_thread()

from archloom.data.images import load_images  # noqa: E402
from archloom.train.recipe import recipe_named  # noqa: E402
from archloom.train.trainer import train  # noqa: E402

TRAINING_IMAGES, TEST_IMAGES, EPOCHS = at_scale((2500, 1000, 12), (32, 32, 1))


def main():
    whole = load_images("cifar10")
    few = replace(
        whole,
        train_x=whole.train_x[:TRAINING_IMAGES],
        train_y=whole.train_y[:TRAINING_IMAGES],
        test_x=whole.test_x[:TEST_IMAGES],
        test_y=whole.test_y[:TEST_IMAGES],
    )
    graph = published("two_path_autogo")
    figures = {}
    for name in ("cifar10", "cifar10-short"):
        recipe = replace(recipe_named(name), epochs=EPOCHS, precision="float32", channels_last=True)
        outcome = train(graph, few, recipe, seed=0)
        figures[name] = {
            "accuracy_percent": 100 * outcome.accuracy,
            "loss_by_epoch": [round(row["loss"], 3) for row in outcome.history],
            "seconds": round(outcome.seconds, 1),
        }
    note = f"two_path_autogo, {TRAINING_IMAGES} images, {EPOCHS} epochs, {TEST_IMAGES} test images"
    record("cifar10_cpu", figures, seeds=[0], note=note)


def section() -> str:
    """Return that both CIFAR-10 recipes learn."""
    document = result("cifar10_cpu")
    rows = [
        [
            name,
            f"{one['loss_by_epoch'][0]:.2f}",
            f"{one['loss_by_epoch'][-1]:.2f}",
            f"{one['accuracy_percent']:.1f}",
            f"{one['seconds']:.0f}",
        ]
        for name, one in document["figures"].items()
    ]
    return (
        f"### Both CIFAR-10 recipes in small\n\n{document['note']}, one thread. Running statistics "
        "of batch norms follow slowly in the paper's recipe, so few steps leave them behind.\n\n"
        + table(["recipe", "first loss", "last loss", "test accuracy, %", "s"], rows)
    )


if __name__ == "__main__":
    main()
