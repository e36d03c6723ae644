"""Graphs as ONNX models, which other runtimes execute.

``model`` walks over a graph; the ONNX form of each primitive stands in one table, filled by ``elementwise``, ``arrays``
and ``control``.
"""

from . import arrays, control, elementwise
from .model import FORMS, graph_to_onnx, to_onnx

__all__ = ["FORMS", "arrays", "control", "elementwise", "graph_to_onnx", "to_onnx"]
