"""Optimisers: against their formulas and PyTorch's numbers; what they leave alone; what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert import train
from wengert.errors import ArgumentError, DtypeError

START = np.array([1.0, -0.5, 2.0])
GRADIENTS = np.array([[1.0, -2.0, 0.5], [0.25, 1.0, -1.5], [-1.0, 0.125, 2.0], [0.75, -0.5, 0.0]])
# Four steps of torch.optim in float64.
TORCH = [
    (train.SGD(0.1), [0.9, -0.36250000000000004, 1.9000000000000001]),
    (train.SGD(0.1, weight_decay=0.2), [0.82723896, -0.33123568, 1.7457367199999998]),
    (train.SGD(0.1, 0.9), [0.70335, -0.05694999999999993, 1.8545500000000001]),
    (train.SGD(0.1, 0.9, nesterov=True, weight_decay=0.2), [0.441095002416, 0.0928677632720001, 1.3140001443119997]),
    (train.Adam(0.1, 0.8, 0.95), [0.8008987227378959, -0.34340772162662936, 1.8995963101660396]),
    (train.Adam(0.1, weight_decay=0.2), [0.744836812070527, -0.31336412796988955, 1.8207871029225176]),
    (train.AdamW(0.1, weight_decay=0.2), [0.7188990122292354, -0.29857971196561517, 1.750509834279636]),
]
OPTIMIZERS = [optimizer for optimizer, _ in TORCH]


def steps(optimizer: Any, params: Any, inplace: bool = False) -> tuple[Any, Any]:
    state = optimizer.init(params)
    for g in GRADIENTS:
        params, state = optimizer.update({"a": [g[:2]], "b": g[2]}, state, params, inplace=inplace)
    return params, state


@pytest.mark.parametrize(("optimizer", "wanted"), TORCH, ids=lambda v: repr(v)[:60])
def test_as_pytorch(optimizer: Any, wanted: list[float]) -> None:
    params, state = steps(optimizer, {"a": [START[:2]], "b": START[2]})
    np.testing.assert_allclose([*params["a"][0], params["b"]], wanted, rtol=1e-13)
    assert state["step"] == 4


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_update_leaves_its_arguments_alone(optimizer: Any) -> None:
    params = {"a": [START[:2].copy()], "b": START[2:].copy()}
    state = optimizer.init(params)
    gradients = {"a": [np.ones(2)], "b": np.ones(1)}
    once = optimizer.update(gradients, state, params)
    again = optimizer.update(gradients, state, params)
    np.testing.assert_array_equal(params["a"][0], START[:2])
    np.testing.assert_array_equal(gradients["a"][0], 1.0)
    np.testing.assert_array_equal(once[0]["a"][0], again[0]["a"][0])
    for leaf in wg.core.tree.flatten(state)[0]:
        assert not np.any(leaf)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_in_place_gives_the_same_bits_in_the_same_arrays(optimizer: Any) -> None:
    pure, pure_state = steps(optimizer, {"a": [START[:2].copy()], "b": np.array(START[2])})
    given = {"a": [START[:2].copy()], "b": np.array(START[2])}
    array = given["a"][0]
    params, state = steps(optimizer, given, inplace=True)
    assert params["a"][0] is array
    for one, two in zip(
        wg.core.tree.flatten((pure, pure_state))[0], wg.core.tree.flatten((params, state))[0], strict=True
    ):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_float32_stays_float32(optimizer: Any) -> None:
    params = [START.astype(np.float32)]
    params, state = optimizer.update([GRADIENTS[0].astype(np.float32)], optimizer.init(params), params)
    assert {leaf.dtype for leaf in wg.core.tree.flatten((params, state))[0] if isinstance(leaf, np.ndarray)} == {
        np.dtype(np.float32)
    }


def test_sgd_on_a_parabola_is_the_closed_form() -> None:
    # For the gradient a x, each step multiplies x by 1 - rate a.
    optimizer, x = train.SGD(0.1), np.array(3.0)
    state = optimizer.init(x)
    for _ in range(20):
        x, state = optimizer.update(wg.grad(lambda x: x**2)(x), state, x)
    assert x == pytest.approx(3.0 * 0.8**20)


def test_adams_first_step_has_the_length_of_the_learning_rate() -> None:
    for scale in (1e-3, 1.0, 1e6):
        stepped, _ = train.Adam(0.1).update([np.array([scale])], train.Adam(0.1).init([np.zeros(1)]), [np.zeros(1)])
        assert stepped[0][0] == pytest.approx(-0.1, rel=1e-4)


def test_decoupled_decay_does_not_go_through_the_running_means() -> None:
    optimizer = train.AdamW(0.1, weight_decay=0.5)
    params, state = optimizer.update([np.zeros(1)], optimizer.init([np.ones(1)]), [np.ones(1)])
    np.testing.assert_array_equal(state["mean"][0], 0.0)
    assert params[0][0] == pytest.approx(0.95)


def test_a_schedule_gives_the_rate_of_each_step() -> None:
    optimizer = train.SGD(lambda step: 10.0**-step)
    params, state = [np.zeros(1)], optimizer.init([np.zeros(1)])
    for _ in range(3):
        params, state = optimizer.update([np.ones(1)], state, params)
    assert params[0][0] == pytest.approx(-1.11)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: train.SGD(-0.1), ArgumentError, "learning_rate=-0.1"),
        (lambda: train.SGD(float("nan")), ArgumentError, "learning_rate=nan"),
        (lambda: train.SGD(0.1, 1.0), ArgumentError, "momentum=1.0"),
        (lambda: train.SGD(0.1, nesterov=True), ArgumentError, "needs a momentum"),
        (lambda: train.Adam(0.1, beta2=1.0), ArgumentError, "beta2=1.0"),
        (lambda: train.Adam().init([np.arange(3)]), DtypeError, r"params\[0\] of dtype int64"),
        (lambda: train.SGD(0.1).update([START], {"step": 0}, {"w": START}), ArgumentError, "containers"),
        (lambda: train.SGD(0.1).update([START[:2]], {"step": 0}, [START]), ArgumentError, r"params\[0\] \(3,\)"),
        (lambda: train.SGD(0.1).update([1.0], {"step": 0}, [2.0], inplace=True), ArgumentError, "writable"),
    ],
)
def test_refusals(call: Any, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        call()


# -- clipping ---------------------------------------------------------------------------------------------------------


def test_clipping_by_norm() -> None:
    gradients = {"a": np.array([3.0, 0.0]), "b": [np.array([[4.0]])]}
    assert train.global_norm(gradients) == 5.0
    clipped, norm = train.clip_by_global_norm(gradients, 2.5)
    assert norm == 5.0
    np.testing.assert_allclose(clipped["a"], [1.5, 0.0])
    np.testing.assert_allclose(clipped["b"][0], [[2.0]])
    same, _ = train.clip_by_global_norm(gradients, 5.0)
    np.testing.assert_array_equal(same["a"], gradients["a"])
    zero, norm = train.clip_by_global_norm([np.zeros(3)], 1.0)
    assert norm == 0.0
    np.testing.assert_array_equal(zero[0], 0.0)


def test_clipping_by_value() -> None:
    np.testing.assert_array_equal(train.clip_by_value([np.array([-3.0, 0.2, 9.0])], 1.0)[0], [-1.0, 0.2, 1.0])
    with pytest.raises(ArgumentError, match="limit=0"):
        train.clip_by_value([np.ones(1)], 0)
    with pytest.raises(ArgumentError, match="limit=-1"):
        train.clip_by_global_norm([np.ones(1)], -1)


# -- schedules --------------------------------------------------------------------------------------------------------


def test_one_cycle_as_pytorch() -> None:
    wanted = [
        0.020000000000000018,
        0.26,
        0.5,
        0.47524231600673683,
        0.40587282697488153,
        0.30563101096814466,
        0.19437098903185537,
        0.09412917302511849,
        0.024759683993263143,
        2e-06,
    ]
    schedule = train.one_cycle(0.5, steps=10)
    np.testing.assert_allclose([schedule(k) for k in range(10)], wanted, rtol=1e-9)
    assert schedule(1000) == schedule(9)


def test_cosine_as_pytorch() -> None:
    wanted = [1.0, 0.9728616793536587, 0.89471999940354, 0.775, 0.6281416799501187]
    schedule = train.cosine_decay(1.0, steps=9, final=0.1)
    np.testing.assert_allclose([schedule(k) for k in range(5)], wanted, rtol=1e-13)
    assert schedule(9) == schedule(99) == pytest.approx(0.1)


def test_one_cycle_of_few_steps() -> None:
    for steps_ in (1, 2, 3):
        rates = [train.one_cycle(1.0, steps=steps_)(k) for k in range(steps_)]
        assert all(0 < rate <= 1 for rate in rates)


def test_warmup_then_another_schedule() -> None:
    schedule = train.linear_warmup(train.step_decay(1.0, every=2, factor=0.5), steps=3)
    np.testing.assert_allclose([schedule(k) for k in range(8)], [0.25, 0.5, 0.75, 1, 1, 0.5, 0.5, 0.25])
    assert train.linear_warmup(0.1, steps=1)(5) == 0.1


@pytest.mark.parametrize(
    "call",
    [
        lambda: train.cosine_decay(1.0, steps=0),
        lambda: train.step_decay(1.0, every=0),
        lambda: train.exponential_decay(1.0, every=-1, factor=0.5),
        lambda: train.one_cycle(1.0, steps=10, rise=1.0),
        lambda: train.linear_warmup(1.0, steps=0),
    ],
)
def test_schedules_that_make_no_sense(call: Any) -> None:
    with pytest.raises(ArgumentError):
        call()
