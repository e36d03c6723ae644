"""Adaptors: the same case in every library."""

from __future__ import annotations

from benchmarks.peers.autograd_peer import Autograd
from benchmarks.peers.base import Missing, Peer, Prepared
from benchmarks.peers.by_hand import ByHand
from benchmarks.peers.jax_peer import Jax, JaxEager
from benchmarks.peers.mygrad_peer import MyGrad
from benchmarks.peers.torch_peer import Torch, TorchCompile
from benchmarks.peers.wengert_peer import Wengert, WengertJit

__all__ = ["EAGER", "JIT", "PEERS", "Missing", "Peer", "Prepared"]

PEERS: dict[str, type[Peer]] = {
    peer.name: peer for peer in (ByHand, Wengert, WengertJit, Autograd, MyGrad, Torch, TorchCompile, Jax, JaxEager)
}
EAGER = ("numpy", "wengert", "autograd", "mygrad", "torch", "jax")
JIT = ("numpy", "wengert-jit", "torch", "torch-compile", "jax")
