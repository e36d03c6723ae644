"""Explanations: what differentiation did with a function, step by step, as text, as HTML and as data.

``subject`` records and evaluates the function, ``linear`` linearizes and transposes it, and each further module gathers
one part of the report as data and as blocks (paragraphs, tables, curves), which ``render_text`` and ``render_html``
show.
"""

from .report import Report, explain

__all__ = ["Report", "explain"]
