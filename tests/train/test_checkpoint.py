"""Checkpoints: what goes in comes out bit for bit; damaged and foreign files are refused."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from wengert import train
from wengert.errors import CheckpointError, MissingExtraError
from wengert.train import checkpoint as module

CONTENT = {
    "params": [{"weight": np.arange(6.0).reshape(2, 3), "bias": np.float32([0.1, np.nan])}, {}, (np.array(2.5),)],
    "a.b": np.array([1]),
    "a": {"b": np.array([2])},
    "complex": np.array([1 + 2j, -0.0j]),
    "scalar": np.float32(0.1),
    "rng": np.random.default_rng(3).bit_generator.state,
    "plain": [None, True, 3, 2**100, 0.1, float("inf"), "text é"],
    "empty": np.zeros((0, 3)),
}


def same(one: Any, two: Any) -> bool:
    if isinstance(one, dict):
        return type(two) is dict and list(one) == list(two) and all(same(one[k], two[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return type(one) is type(two) and len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, (np.ndarray, np.generic)):
        bits = one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes()
        return type(one) is type(two) and bits
    return type(one) is type(two) and one == two


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    path = train.save_checkpoint(tmp_path / "deep" / "er" / "c.safetensors", CONTENT)
    assert same(train.load_checkpoint(path), CONTENT)


def test_arrays_that_are_not_contiguous(tmp_path: Path) -> None:
    x = np.arange(24.0).reshape(4, 6)
    content = {
        "t": x.T,
        "strided": x[::2, 1::3],
        "reversed": x[::-1],
        "big": x.astype(">f8"),
        "wide": np.broadcast_to(1.5, (2, 2)),
    }
    loaded = train.load_checkpoint(train.save_checkpoint(tmp_path / "c", content))
    for name, array in content.items():
        np.testing.assert_array_equal(loaded[name], array)


def test_other_tools_can_read_it(tmp_path: Path) -> None:
    path = train.save_checkpoint(tmp_path / "c.safetensors", CONTENT)
    np.testing.assert_array_equal(safetensors.numpy.load_file(path)["params.0.weight"], CONTENT["params"][0]["weight"])


def test_the_one_before_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    for k in range(3):
        train.save_checkpoint(path, {"k": k})
    assert train.load_checkpoint(path) == {"k": 2}
    assert train.load_checkpoint(module.previous(path)) == {"k": 1}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.safetensors", "c.safetensors.previous"]
    train.save_checkpoint(tmp_path / "d", 1, keep_previous=False)
    train.save_checkpoint(tmp_path / "d", 2, keep_previous=False)
    assert not module.previous(tmp_path / "d").exists()


def test_file_systems_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    for k in range(2):
        train.save_checkpoint(tmp_path / "c", k)
    assert train.load_checkpoint(tmp_path / "c") == 1
    assert train.load_checkpoint(module.previous(tmp_path / "c")) == 0


def test_a_crash_at_every_step_of_saving_leaves_a_whole_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop at each call to the operating system in turn: before and after, the file is the old or the new one."""
    path = tmp_path / "c"
    calls = {"count": 0, "stop": 0}

    class Stopped(Exception):
        pass

    def stopping(function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls["count"] += 1
            if calls["count"] == calls["stop"]:
                raise Stopped
            return function(*args, **kwargs)

        return call

    for name in ("fsync", "replace", "link", "open"):
        monkeypatch.setattr(os, name, stopping(getattr(os, name)))
    monkeypatch.setattr(Path, "unlink", stopping(Path.unlink))
    outcomes = []
    for stop in range(1, 12):
        calls.update(count=0, stop=0)
        train.save_checkpoint(path, "old")
        calls.update(count=0, stop=stop)
        try:
            train.save_checkpoint(path, "new")
            break
        except Stopped:
            outcomes.append(train.load_checkpoint(path))
    assert outcomes[0] == "old"
    assert outcomes[-1] == "new"
    assert len(outcomes) == 7  # each of the calls was cut once
    assert calls["count"] == len(outcomes)


@pytest.mark.parametrize("at", [0, 4, 8, 60, -40, -1])
def test_one_flipped_bit_is_noticed(tmp_path: Path, at: int) -> None:
    path = train.save_checkpoint(tmp_path / "c", {"w": np.arange(10.0), "note": "text"})
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="whole file that save_checkpoint wrote"):
        train.load_checkpoint(path)


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = train.save_checkpoint(tmp_path / "c", {"w": np.arange(2.0)})
    data = path.read_bytes()
    for k in range(len(data)):
        path.write_bytes(data[:k] + bytes([data[k] ^ 1]) + data[k + 1 :])
        try:
            content = train.load_checkpoint(path)
        except CheckpointError:
            continue
        assert same(content, {"w": np.arange(2.0)}), f"byte {k}"


@pytest.mark.parametrize("part", [0, 4, 100, 0.5, 0.999])
def test_cut_files(tmp_path: Path, part: float) -> None:
    path = train.save_checkpoint(tmp_path / "c", CONTENT)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data)) if isinstance(part, float) else part])
    with pytest.raises(CheckpointError):
        train.load_checkpoint(path)


def test_foreign_files(tmp_path: Path) -> None:
    safetensors.numpy.save_file({"w": np.ones(2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match="not written by save_checkpoint"):
        train.load_checkpoint(tmp_path / "foreign.safetensors")
    (tmp_path / "text").write_text("hello " * 1000)
    with pytest.raises(CheckpointError):
        train.load_checkpoint(tmp_path / "text")
    with pytest.raises(CheckpointError, match="no such file"):
        train.load_checkpoint(tmp_path / "missing")
    with pytest.raises(CheckpointError, match="no such file"):
        train.load_checkpoint(tmp_path)


def test_the_message_names_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "c"
    train.save_checkpoint(path, 1)
    train.save_checkpoint(path, 2)
    path.write_bytes(b"damage")
    with pytest.raises(CheckpointError, match=r"c\.previous"):
        train.load_checkpoint(path)


@pytest.mark.parametrize("value", [{1: 2}, object(), {"f": np.sin}, np.array(["a"]), np.array([None]), {3.0}])
def test_what_a_checkpoint_does_not_hold(tmp_path: Path, value: Any) -> None:
    with pytest.raises(CheckpointError, match="A checkpoint holds dicts"):
        train.save_checkpoint(tmp_path / "c", {"x": [value]})
    assert not (tmp_path / "c").exists()


def test_without_safetensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'wengert\[train\]'"):
        train.save_checkpoint(tmp_path / "c", 1)
