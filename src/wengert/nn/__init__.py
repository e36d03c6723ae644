"""Neural networks: layers, activations, losses and initialisers on plain containers of arrays.

Everything here is NumPy code.  It runs as it is, and ``wg.grad`` and its like differentiate it because they
differentiate NumPy code; a network of your own needs nothing from this package.
"""

from .activations import elu, gelu, leaky_relu, log_softmax, relu, sigmoid, silu, softmax, softplus, tanh
from .convolution import avg_pool, conv, conv_transpose, max_pool
from .initializers import (
    fans,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    kaiming_normal,
    kaiming_uniform,
    lecun_normal,
    lecun_uniform,
    normal,
    uniform,
    xavier_normal,
    xavier_uniform,
    zeros,
)
from .layers import AvgPool, Conv, Dropout, Embedding, Flatten, Layer, LayerNorm, Linear, MaxPool
from .losses import huber, mae, mse, sigmoid_binary_cross_entropy, softmax_cross_entropy
from .sequential import Sequential

__all__ = [
    "AvgPool",
    "Conv",
    "Dropout",
    "Embedding",
    "Flatten",
    "Layer",
    "LayerNorm",
    "Linear",
    "MaxPool",
    "Sequential",
    "avg_pool",
    "conv",
    "conv_transpose",
    "elu",
    "fans",
    "gelu",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "huber",
    "kaiming_normal",
    "kaiming_uniform",
    "leaky_relu",
    "lecun_normal",
    "lecun_uniform",
    "log_softmax",
    "mae",
    "max_pool",
    "mse",
    "normal",
    "relu",
    "sigmoid",
    "sigmoid_binary_cross_entropy",
    "silu",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "tanh",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
