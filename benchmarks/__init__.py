"""Speed and memory of Wengert beside HIPS autograd, MyGrad, PyTorch and JAX; see README.md."""
