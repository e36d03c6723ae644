"""The suite of scientific programs at their small sizes: plain NumPy, differentiated, compiled; and its own checks."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import wengert as wg

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the benchmarks are no part of the installed package

from benchmarks.programs.harness.check import WrongResult, check_agreement, check_slopes, check_value
from benchmarks.programs.harness.program import static_positions
from benchmarks.programs.harness.suite import load, names, select
from benchmarks.programs.harness.versions import copied, jax_gradient, numba_primal, wengert_gradient


def small(name):
    program = load(name)
    arguments = program.make("small")
    return program, arguments, program.differentiated(arguments)


def same_arguments(before, after):
    return all(np.array_equal(x, y) for x, y in zip(before, after, strict=True))


@pytest.mark.parametrize("name", names())
def test_gradient_of_the_unmodified_program(name):
    program, arguments, argnums = small(name)
    given = copied(arguments)
    value, gradients = wg.value_and_grad(program.function, argnums=argnums)(*given)
    assert same_arguments(given, arguments)
    check_value(value, program.function(*copied(arguments)))
    check_slopes(program.function, arguments, argnums, gradients, each_entry=True)


@pytest.mark.parametrize("name", names())
@pytest.mark.filterwarnings("ignore:.*under wg.jit:RuntimeWarning")  # unrolled loops say so; that is another test's
def test_compiled_gradient_is_the_interpreted_one(name):
    program, arguments, argnums = small(name)
    given = copied(arguments)
    compiled = wengert_gradient(program, arguments)
    expected_value, expected = wg.value_and_grad(program.function, argnums=argnums)(*copied(arguments))
    for _ in range(2):
        value, gradients = compiled(*given)
        assert same_arguments(given, arguments)
        check_value(value, expected_value)
        check_agreement("the interpreter", gradients, expected)


def test_the_suite_is_as_large_as_it_claims():
    assert len(names()) >= 24
    assert select(["jacobi*"]) == ["jacobi_2d"]
    with pytest.raises(SystemExit, match="no program matches"):
        select(["nothing"])


@pytest.mark.parametrize("name", names())
def test_sizes_differ_in_what_is_measured(name):
    program = load(name)
    assert program.small.keys() == program.measured.keys()
    assert all(program.small[key] <= program.measured[key] for key in program.small)
    assert program.summary.endswith(".")
    assert static_positions((np.ones(2), 3, 2.0)) == (1,)


def test_a_planted_wrong_gradient_is_refused():
    program, arguments, argnums = small("thomas")
    value, gradients = wg.value_and_grad(program.function, argnums=argnums)(*arguments)
    wrong = [g.copy() for g in gradients]
    wrong[1][np.argmax(np.abs(wrong[1]))] *= 1.001
    for options in ({"each_entry": True}, {"lines": 2}):
        with pytest.raises(WrongResult, match="by differences"):
            check_slopes(program.function, arguments, argnums, wrong, **options)
    with pytest.raises(WrongResult, match="plain NumPy"):
        check_value(value * (1 + 1e-8), value)
    with pytest.raises(WrongResult, match="differs from"):
        check_agreement("other", wrong, gradients)


@pytest.mark.nightly
@pytest.mark.parametrize("name", names())
@pytest.mark.filterwarnings("ignore")  # other libraries' own
def test_versions_for_other_libraries_compute_the_same(name):
    program, arguments, argnums = small(name)
    value, gradients = wg.value_and_grad(program.function, argnums=argnums)(*copied(arguments))
    pytest.importorskip("numba")
    check_value(numba_primal(program)(*copied(arguments)), value)
    if program.jax is not None:
        pytest.importorskip("jax")
        found, other = jax_gradient(program, arguments)()
        check_value(found, value)
        check_agreement("JAX", other, gradients)
