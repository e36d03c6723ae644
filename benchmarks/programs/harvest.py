"""A population that grows logistically and is harvested while it is large, with a bonus every year it recovers."""

from benchmarks.programs.harness.program import Program


def harvest(x, rate, quota, limit, years):
    caught = 0.0
    for year in range(years):
        x = x + rate * x * (1.0 - x)
        if x > limit:
            taken = quota * x
            x = x - taken
            caught += taken
        elif year % 2 == 0:
            x = x + 0.01 * (1.0 - x) ** 2
        else:
            x = 1.01 * x
    return caught / years + x


def arguments(rng, years):
    return 0.2 + 0.1 * rng.random(), 0.4 + 0.1 * rng.random(), 0.35 + 0.1 * rng.random(), 0.72, years


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def harvest(x, rate, quota, limit, years):
        def step(year, carry):
            x, caught = carry
            x = x + rate * x * (1.0 - x)

            def take(x):
                return x - quota * x, caught + quota * x

            def leave(x):
                return jnp.where(year % 2 == 0, x + 0.01 * (1.0 - x) ** 2, 1.01 * x), caught

            return lax.cond(x > limit, take, leave, x)

        x, caught = lax.fori_loop(0, years, step, (x, jnp.zeros(())))
        return caught / years + x

    return harvest


program = Program(harvest, arguments, {"years": 8}, {"years": 50_000}, argnums=(0, 1, 2), jax=jax_version, kinks=True)
