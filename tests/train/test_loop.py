"""The training loop, mini-batches, metrics, and that a killed run ends with the same bits as one that was not."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert import nn, train
from wengert.errors import ArgumentError, CheckpointError, ShapeError
from wengert.run.tiers import compile_at_once

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int)
NET = nn.Sequential(nn.Linear(3, 8), np.tanh, nn.Dropout(0.2), nn.Linear(8, 2))


def loss(params: Any, x: Any, y: Any, rng: Any = None) -> Any:
    logits = NET.apply(params, x, train=rng is not None, rng=rng)
    return nn.softmax_cross_entropy(logits, y), {"accuracy": train.accuracy(logits, y)}


def run(**options: Any) -> train.TrainingState:
    settings: dict[str, Any] = {
        "epochs": 4,
        "has_aux": True,
        "rng": np.random.default_rng(1),
        "progress": False,
        "optimizer": train.AdamW(0.02),
        "batches": train.Batches((X, Y), 16, seed=5),
    } | options
    return train.fit(
        loss, NET.init(np.random.default_rng(2)), settings.pop("batches"), settings.pop("optimizer"), **settings
    )


def bits(state: train.TrainingState) -> list[bytes]:
    leaves = wg.core.tree.flatten((state.params, state.optimizer_state))[0]
    history = [{k: v for k, v in row.items() if k != "seconds"} for row in state.history]
    return [np.asarray(leaf).tobytes() for leaf in leaves] + [repr(history).encode()]


# -- batches ----------------------------------------------------------------------------------------------------------


def test_each_entry_once_per_epoch_in_another_order() -> None:
    batches = train.Batches({"x": np.arange(10), "y": np.arange(10) ** 2}, 4, seed=3)
    epochs = [[int(i) for batch in batches.epoch(k) for i in batch["x"]] for k in range(3)]
    assert all(sorted(order) == list(range(10)) for order in epochs)
    assert len({tuple(order) for order in epochs}) == 3
    for batch in batches.epoch(1):
        np.testing.assert_array_equal(batch["y"], batch["x"] ** 2)


def test_batches_can_be_taken_up_anywhere() -> None:
    batches = train.Batches(np.arange(10), 3, seed=3)
    whole = [b.tolist() for b in batches.epoch(7)]
    assert [b.tolist() for b in batches.epoch(7, start=2)] == whole[2:]
    assert [b.tolist() for b in train.Batches(np.arange(10), 3, seed=3).epoch(7)] == whole
    assert [b.tolist() for b in train.Batches(np.arange(10), 3, seed=4).epoch(7)] != whole


def test_last_batch() -> None:
    assert [len(b) for b in train.Batches(np.arange(10), 4)] == [4, 4, 2]
    assert [len(b) for b in train.Batches(np.arange(10), 4, drop_last=True)] == [4, 4]
    assert next(iter(train.Batches(np.arange(10), 4, shuffle=False))).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: train.Batches((X, Y[:5]), 4), ShapeError, r"data\[1\] \(5,\)"),
        (lambda: train.Batches(np.zeros((0, 3)), 4), ShapeError, "at least 1"),
        (lambda: train.Batches(np.float64(3), 4), ShapeError, "one length"),
        (lambda: train.Batches(X, 0), ArgumentError, "size=0"),
        (lambda: train.Batches(X, 61, drop_last=True), ArgumentError, "drop_last=True"),
    ],
)
def test_batches_that_make_no_sense(call: Any, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        call()


# -- the loop ---------------------------------------------------------------------------------------------------------


def test_the_loop_is_the_three_steps() -> None:
    """What fit does, written out."""
    params = NET.init(np.random.default_rng(2))
    optimizer, batches, rng = train.AdamW(0.02), train.Batches((X, Y), 16, seed=5), np.random.default_rng(1)
    state = optimizer.init(params)
    for epoch in range(4):
        for x, y in batches.epoch(epoch):
            with compile_at_once():
                _, gradients = wg.value_and_grad(loss, has_aux=True)(params, x, y, rng=rng)
            params, state = optimizer.update(gradients, state, params)
    for one, two in zip(wg.core.tree.flatten(params)[0], wg.core.tree.flatten(run().params)[0], strict=True):
        np.testing.assert_array_equal(one, two)


def test_it_learns_and_keeps_a_history() -> None:
    state = run(epochs=40, valid=[(X, Y)])
    assert [row["epoch"] for row in state.history] == list(range(1, 41))
    assert set(state.history[0]) == {"epoch", "loss", "accuracy", "valid_loss", "valid_accuracy", "seconds"}
    assert state.history[-1]["loss"] < 0.6 * state.history[0]["loss"]
    assert state.history[-1]["valid_accuracy"] > 0.8
    assert all(type(value) in (int, float) for row in state.history for value in row.values())


def test_the_mean_loss_counts_entries() -> None:
    data = np.arange(5.0)
    state = train.fit(
        lambda p, x: np.mean(x) + 0 * p, np.array(0.0), train.Batches(data, 2), train.SGD(0.1), epochs=1, progress=False
    )
    assert state.history[0]["loss"] == pytest.approx(2.0)
    assert train.evaluate(lambda p, x: np.mean(x), None, train.Batches(data, 2)) == {"loss": pytest.approx(2.0)}


def test_the_given_parameters_stay_what_they_were() -> None:
    params = {"w": np.ones(1)}
    state = train.fit(
        lambda p, x: np.mean((x * p["w"]) ** 2),
        params,
        train.Batches(X[:, :1], 8),
        train.SGD(0.1),
        epochs=1,
        progress=False,
    )
    assert params["w"][0] == 1.0 != state.params["w"][0]


def test_clip_norm_bounds_the_step() -> None:
    state = train.fit(
        lambda p, x: 1e6 * np.sum(p) + 0 * np.sum(x),
        np.zeros(4),
        train.Batches(X, 60),
        train.SGD(1.0),
        epochs=1,
        clip_norm=0.5,
        progress=False,
    )
    np.testing.assert_allclose(state.params, -0.25)


def test_recording_does_not_depend_on_the_batch() -> None:
    """Equal structure for all batches of a size: two programs in all, one for the full and one for the last batch."""
    from wengert.run.cache import PROGRAMS

    run(epochs=1)
    before = len(PROGRAMS)
    run(epochs=3, batches=train.Batches((X, Y), 16, seed=99))
    assert len(PROGRAMS) == before


def test_the_same_bits_whatever_ran_before() -> None:
    fresh = train.Batches((X[:55], Y[:55]), 11, seed=5)  # of a size that no other test has compiled
    first, second = (bits(run(batches=fresh)) for _ in range(2))
    assert first == second


def test_jit() -> None:
    one, two = (run(rng=None, epochs=2, jit=jit) for jit in (False, True))
    for a, b in zip(wg.core.tree.flatten(one.params)[0], wg.core.tree.flatten(two.params)[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    assert [row["accuracy"] for row in one.history] == [row["accuracy"] for row in two.history]
    assert bits(two) == bits(run(rng=None, epochs=2, jit=True))


def test_callbacks_and_early_stop() -> None:
    seen: list[int] = []
    state = run(epochs=10, callbacks=[lambda s: seen.append(s.epoch), lambda s: s.epoch == 3])
    assert seen == [1, 2, 3]
    assert state.epoch == 3
    assert state.stopped
    worse = train.EarlyStop(2, "loss", "max", least=10.0)  # nothing is ever that much better
    assert run(epochs=10, callbacks=[worse]).epoch == 3
    history = [{"loss": v} for v in (3.0, 2.0, 2.5, 2.0, 1.0)]
    stops = [train.EarlyStop(2, "loss")(train.TrainingState(None, None, history=history[:k])) for k in range(1, 6)]
    assert stops == [False, False, False, True, False]
    with pytest.raises(ArgumentError, match="valid_loss"):
        run(callbacks=[train.EarlyStop(2)])


def test_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    run(epochs=2, progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2  loss ")


def test_the_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    run(epochs=2, progress=True)
    assert "epoch 2/2" in capsys.readouterr().out


def test_without_rich_there_are_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    run(epochs=1, progress=True)
    assert capsys.readouterr().out.startswith("epoch 1/1  loss ")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": -1}, "epochs=-1"),
        ({"resume": True}, "checkpoint=path"),
        ({"checkpoint_every": 3}, "checkpoint=path"),
        ({"checkpoint_every": 0, "checkpoint": "c"}, "checkpoint_every=0"),
        ({"valid": iter([])}, "no batches"),
        ({"jit": True}, "jit=True with rng"),
    ],
)
def test_refusals(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        run(**options)


def test_metrics() -> None:
    logits = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [0.0, 5.0, 1.0], [1.0, 0.0, 2.0]])
    labels = np.array([2, 1, 1, 1])
    assert train.accuracy(logits, labels) == 0.5
    assert train.top_k_accuracy(logits, labels, 2) == 0.75
    assert train.top_k_accuracy(logits, labels, 3) == 1.0
    np.testing.assert_array_equal(train.confusion_matrix(logits, labels), [[0, 0, 0], [1, 1, 1], [0, 0, 1]])
    with pytest.raises(ShapeError):
        train.accuracy(logits, labels[:2])
    with pytest.raises(ArgumentError):
        train.top_k_accuracy(logits, labels, 0)


# -- resuming ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop_after", [1, 3, 4, 7, 11])
def test_resumed_after_any_batch_it_ends_with_the_same_bits(tmp_path: Path, stop_after: int) -> None:
    wanted = bits(run(valid=[(X, Y)]))
    path = tmp_path / "c"
    count = 0

    class Stopped(Exception):
        pass

    def failing(params: Any, x: Any, y: Any, rng: Any = None) -> Any:
        nonlocal count
        count += rng is not None
        if count > stop_after:
            raise Stopped
        return loss(params, x, y, rng)

    def fit(function: Any, rng_seed: int) -> train.TrainingState:
        return train.fit(
            function,
            NET.init(np.random.default_rng(2)),
            train.Batches((X, Y), 16, seed=5),
            train.AdamW(0.02),
            epochs=4,
            has_aux=True,
            valid=[(X, Y)],
            rng=np.random.default_rng(rng_seed),
            checkpoint=path,
            checkpoint_every=1,
            resume=True,
            progress=False,
        )

    with pytest.raises(Stopped):
        fit(failing, 1)
    assert bits(fit(loss, 1 if not path.exists() else 12345)) == wanted  # the generator's state is in the checkpoint


@pytest.mark.parametrize("kind", [np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_generators_of_every_kind(tmp_path: Path, kind: type) -> None:
    run(epochs=1, checkpoint=tmp_path / "c", rng=np.random.Generator(kind(3)))
    resumed = run(epochs=2, checkpoint=tmp_path / "c", resume=True, rng=np.random.Generator(kind(99)))
    assert bits(resumed) == bits(run(epochs=2, rng=np.random.Generator(kind(3))))


def test_more_epochs_later(tmp_path: Path) -> None:
    run(epochs=2, checkpoint=tmp_path / "c")
    assert bits(run(epochs=4, checkpoint=tmp_path / "c", resume=True)) == bits(run(epochs=4))


def test_a_run_that_had_ended_stays_ended(tmp_path: Path) -> None:
    stop = train.EarlyStop(1, "loss", least=10.0)
    ended = run(epochs=10, callbacks=[stop], checkpoint=tmp_path / "c")
    again = run(epochs=10, callbacks=[stop], checkpoint=tmp_path / "c", resume=True)
    assert ended.epoch == again.epoch == 2
    assert bits(ended) == bits(again)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"optimizer": train.SGD(0.1)}, "optimizer: 'AdamW' there, 'SGD' here"),
        ({"batches": train.Batches((X, Y), 8, seed=5)}, "batch size: 16 there, 8 here"),
        ({"batches": train.Batches((X[:50], Y[:50]), 16, seed=5)}, "entries: 60 there, 50 here"),
        ({"rng": None}, "rng: PCG64 there, None here"),
    ],
)
def test_checkpoints_of_other_runs_are_refused(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    run(epochs=1, checkpoint=tmp_path / "c")
    with pytest.raises(CheckpointError, match=words):
        run(checkpoint=tmp_path / "c", resume=True, **options)


def test_checkpoints_that_fit_did_not_write(tmp_path: Path) -> None:
    for content in ({"params": 3}, [1, 2], {"run": {}, "params": [], "epoch": 1}):
        train.save_checkpoint(tmp_path / "c", content)
        with pytest.raises(CheckpointError, match="that fit wrote"):
            run(checkpoint=tmp_path / "c", resume=True)
    (tmp_path / "c").write_bytes(b"damage")
    with pytest.raises(CheckpointError, match="whole file"):
        run(checkpoint=tmp_path / "c", resume=True)


PROGRAM = """
import sys
import numpy as np
from wengert import nn, train

rng = np.random.default_rng(0)
x = rng.normal(size=(256, 16))
y = rng.integers(0, 4, 256)
net = nn.Sequential(nn.Linear(16, 32), nn.relu, nn.Dropout(0.2), nn.Linear(32, 4))

def loss(params, x, y, rng=None):
    return nn.softmax_cross_entropy(net.apply(params, x, train=rng is not None, rng=rng), y)

print("ready", flush=True)
state = train.fit(loss, net.init(np.random.default_rng(1)), train.Batches((x, y), 16, seed=2),
    train.AdamW(train.one_cycle(0.01, steps=EPOCHS * 16)), epochs=EPOCHS, valid=[(x, y)],
    rng=np.random.default_rng(3), checkpoint=sys.argv[1], checkpoint_every=5, resume=True, progress=False)
print("done", flush=True)
""".replace("EPOCHS", "24")


def test_killed_at_random_moments_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    def start(path: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = start(whole)
    begin = time.perf_counter()
    process.communicate()
    assert process.returncode == 0
    duration = time.perf_counter() - begin
    moments = random.Random(4)
    kills = 0
    while kills < 4:
        process = start(killed)
        try:
            process.communicate(timeout=moments.random() * duration / 2)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
        else:
            break
        if killed.exists():
            train.load_checkpoint(killed)  # whole at every moment
    process = start(killed)
    process.communicate()
    assert process.returncode == 0
    assert kills >= 2
    one, two = train.load_checkpoint(whole), train.load_checkpoint(killed)
    for content in (one, two):
        for row in content["history"]:
            del row["seconds"]
    assert one["epoch"] == two["epoch"] == 24
    assert one["history"] == two["history"]
    assert one["rng"] == two["rng"]
    for a, b in zip(
        wg.core.tree.flatten((one["params"], one["optimizer_state"]))[0],
        wg.core.tree.flatten((two["params"], two["optimizer_state"]))[0],
        strict=True,
    ):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
