"""Vertical advection in a weather model: a tridiagonal system in every column, swept level by level."""

import numpy as np

from benchmarks.programs.harness.program import Program


def vertical_advection(u_stage, wcon, u_pos, utens, utens_stage):
    ni, nj, nk = u_stage.shape
    dtr_stage = 3.0 / 20.0
    beta = 0.5
    utens_stage = utens_stage.copy()
    ccol = np.zeros((ni, nj, nk))
    dcol = np.zeros((ni, nj, nk))
    data = np.zeros((ni, nj))

    gcv = 0.25 * (wcon[1:, :, 1] + wcon[:-1, :, 1])
    cs = gcv * beta
    ccol[:, :, 0] = gcv * beta
    bcol = dtr_stage - ccol[:, :, 0]
    correction = -cs * (u_stage[:, :, 1] - u_stage[:, :, 0])
    dcol[:, :, 0] = dtr_stage * u_pos[:, :, 0] + utens[:, :, 0] + utens_stage[:, :, 0] + correction
    divided = 1.0 / bcol
    ccol[:, :, 0] = ccol[:, :, 0] * divided
    dcol[:, :, 0] = dcol[:, :, 0] * divided

    for k in range(1, nk - 1):
        gav = -0.25 * (wcon[1:, :, k] + wcon[:-1, :, k])
        gcv = 0.25 * (wcon[1:, :, k + 1] + wcon[:-1, :, k + 1])
        as_ = gav * beta
        cs = gcv * beta
        acol = gav * beta
        ccol[:, :, k] = gcv * beta
        bcol = dtr_stage - acol - ccol[:, :, k]
        correction = -as_ * (u_stage[:, :, k - 1] - u_stage[:, :, k]) - cs * (u_stage[:, :, k + 1] - u_stage[:, :, k])
        dcol[:, :, k] = dtr_stage * u_pos[:, :, k] + utens[:, :, k] + utens_stage[:, :, k] + correction
        divided = 1.0 / (bcol - ccol[:, :, k - 1] * acol)
        ccol[:, :, k] = ccol[:, :, k] * divided
        dcol[:, :, k] = (dcol[:, :, k] - dcol[:, :, k - 1] * acol) * divided

    gav = -0.25 * (wcon[1:, :, nk - 1] + wcon[:-1, :, nk - 1])
    acol = gav * beta
    bcol = dtr_stage - acol
    correction = -acol * (u_stage[:, :, nk - 2] - u_stage[:, :, nk - 1])
    last = dtr_stage * u_pos[:, :, nk - 1] + utens[:, :, nk - 1] + utens_stage[:, :, nk - 1] + correction
    divided = 1.0 / (bcol - ccol[:, :, nk - 2] * acol)
    dcol[:, :, nk - 1] = (last - dcol[:, :, nk - 2] * acol) * divided

    for k in range(nk - 1, -1, -1):
        data = dcol[:, :, k] - ccol[:, :, k] * data
        utens_stage[:, :, k] = dtr_stage * (data - u_pos[:, :, k])
    return np.sum(utens_stage**2)


def arguments(rng, n, levels):
    fields = [rng.random((n, n, levels)) for _ in range(4)]
    return fields[0], 0.1 * rng.random((n + 1, n, levels)), *fields[1:]


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def vertical_advection(u_stage, wcon, u_pos, utens, utens_stage):
        ni, nj, nk = u_stage.shape
        dtr_stage = 3.0 / 20.0
        beta = 0.5

        def level(x, k):
            return lax.dynamic_index_in_dim(x, k, axis=2, keepdims=False)

        def eliminate(k, carry):
            ccol, dcol = carry
            inner = k < nk - 1
            above = jnp.minimum(k + 1, nk - 1)
            below = jnp.maximum(k - 1, 0)
            wk, wa = level(wcon, k), level(wcon, above)
            acol = jnp.where(k > 0, -0.25 * (wk[1:] + wk[:-1]) * beta, 0.0)
            c = jnp.where(inner, 0.25 * (wa[1:] + wa[:-1]) * beta, 0.0)
            u = level(u_stage, k)
            correction = -acol * (level(u_stage, below) - u) - c * (level(u_stage, above) - u)
            d = dtr_stage * level(u_pos, k) + level(utens, k) + level(utens_stage, k) + correction
            divided = 1.0 / (dtr_stage - acol - c - level(ccol, below) * acol)
            d = (d - level(dcol, below) * acol) * divided
            return ccol.at[:, :, k].set(c * divided), dcol.at[:, :, k].set(d)

        def substitute(m, carry):
            data, out = carry
            k = nk - 1 - m
            data = level(dcol, k) - level(ccol, k) * data
            return data, out.at[:, :, k].set(dtr_stage * (data - level(u_pos, k)))

        zero = jnp.zeros((ni, nj, nk))
        ccol, dcol = lax.fori_loop(0, nk, eliminate, (zero, zero))
        _, out = lax.fori_loop(0, nk, substitute, (jnp.zeros((ni, nj)), utens_stage))
        return jnp.sum(out**2)

    return vertical_advection


program = Program(vertical_advection, arguments, {"n": 3, "levels": 4}, {"n": 40, "levels": 60}, jax=jax_version)
