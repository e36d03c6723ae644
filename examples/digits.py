"""Train a network to read handwritten digits, and explain a function.

The data are the 1,797 images of 8x8 pixels that scikit-learn ships (E. Alpaydin, C. Kaynak, "Optical recognition of
handwritten digits", UCI machine learning repository, 1998); a fifth of them, chosen by a fixed seed, is kept for the
test.

    python examples/digits.py                    # everything goes to ./results
    python examples/digits.py --out somewhere --epochs 30

The exit status is 1 if fewer than 97 % of the test images are read correctly.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from sklearn.datasets import load_digits

import wengert as wg
from wengert import nn, train

matplotlib.use("Agg")  # pictures go to files: no display is needed
from matplotlib import pyplot as plt

REQUIRED_ACCURACY = 0.97
NETWORK = nn.Sequential(
    nn.Linear(64, 128, initializer=nn.he_normal),
    nn.relu,
    nn.Linear(128, 64, initializer=nn.he_normal),
    nn.relu,
    nn.Linear(64, 10),
)


def digits() -> tuple[Any, Any]:
    """Return (images, labels) to train on and (images, labels) to test with: four fifths and one fifth."""
    data = load_digits()
    x, y = data.data / 16.0, data.target
    order = np.random.default_rng(2026).permutation(len(x))
    cut = len(x) * 4 // 5
    return (x[order[:cut]], y[order[:cut]]), (x[order[cut:]], y[order[cut:]])


def loss(params: Any, x: Any, y: Any) -> Any:
    """Return the loss on a mini-batch, and the accuracy beside it."""
    logits = NETWORK.apply(params, x)
    return nn.softmax_cross_entropy(logits, y), {"accuracy": train.accuracy(logits, y)}


def show_training_step(params: Any, batch: Any, optimizer: Any) -> None:
    """Print the three steps of a training step for one mini-batch."""
    x, y = batch
    print(f"The training step, on the first mini-batch of {len(x)} images:")
    (before, metrics), gradients = wg.value_and_grad(loss, has_aux=True)(params, x, y)
    print(f"  1. F-pass: images -> network -> loss {before:.4f}, accuracy {metrics['accuracy']:.0%}")
    print(f"     (guessing would give log(10) = {np.log(10):.4f} and 10 %)")
    print("  2. B-pass: the gradient of the loss with respect to each parameter")
    for k, layer in enumerate(gradients):
        for name, gradient in layer.items():
            norm = np.linalg.norm(gradient)
            print(f"     layer {k} {name:<7} {gradient.shape!s:<10} |gradient| = {norm:.4f}")
    stepped, _ = optimizer.update(gradients, optimizer.init(params), params)
    after, _ = loss(stepped, x, y)
    print("  3. update: a step of the parameters against the gradient")
    print(f"     loss on the same images {before:.4f} -> {after:.4f}\n")


def save_curves(history: list[dict[str, Any]], path: Path) -> None:
    """Draw loss and accuracy over the epochs."""
    epochs = [row["epoch"] for row in history]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axes, name in ((left, "loss"), (right, "accuracy")):
        axes.plot(epochs, [row[name] for row in history], label="training")
        axes.plot(epochs, [row[f"valid_{name}"] for row in history], label="test")
        axes.set(xlabel="epoch", ylabel=name)
        axes.grid(alpha=0.3)
        axes.legend()
    left.set_yscale("log")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def lecture_example(x1: Any, x2: Any) -> Any:
    return np.sin(x1) + x1 * x2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("results"), help="directory for the results")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint, curves, report = (options.out / name for name in ("digits.safetensors", "loss.png", "explain.html"))

    training, test = digits()
    batches = train.Batches(training, 32, seed=0)
    schedule = train.one_cycle(5e-3, steps=max(1, options.epochs * len(batches)))
    optimizer = train.AdamW(schedule, weight_decay=0.01)
    params = NETWORK.init(np.random.default_rng(0))
    print(f"{len(training[0])} images to train on, {len(test[0])} to test with; network {NETWORK}\n")

    show_training_step(params, next(iter(batches)), optimizer)

    start = time.perf_counter()
    state = train.fit(
        loss,
        params,
        batches,
        optimizer,
        epochs=options.epochs,
        has_aux=True,
        valid=[test],  # shown beside the training loss; nothing is chosen by it
        checkpoint=checkpoint,
        resume=options.resume,
        jit=True,
    )
    seconds = time.perf_counter() - start
    accuracy = train.evaluate(loss, state.params, [test], has_aux=True)["accuracy"]
    save_curves(state.history, curves)
    print(f"\nTest accuracy {accuracy:.2%} after {state.epoch} epochs in {seconds:.1f} s.\n")

    explanation = wg.explain(lecture_example)(2.0, 3.0)
    report.write_text(explanation.to_html(), encoding="utf-8")
    print(explanation)

    print("\nResults:")
    for path, what in (
        (curves, "loss and accuracy over the epochs"),
        (checkpoint, "the trained parameters: wengert.train.load_checkpoint(path)['params']"),
        (report, "f(x1, x2) = sin(x1) + x1 x2 at (2, 3), explained"),
    ):
        print(f"  {path!s:<30} {what}")
    if accuracy < REQUIRED_ACCURACY:
        print(f"The test accuracy is below {REQUIRED_ACCURACY:.0%}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
