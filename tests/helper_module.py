"""A user's module of helper functions, for tests/test_reliability.py."""

import numpy as np
from numpy import zeros

SCALE = 2.0


def filled(x):
    out = zeros(3)
    out[:] = SCALE * x
    return out


def through_numpy(x):
    out = np.empty(3)
    out[0] = x[0]
    out[1:] = np.array([x[1], x[2]])
    return out
