"""Explanations: what differentiation did with a function, step by step, as text, as HTML and as data."""
