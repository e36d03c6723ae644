"""The programs of the public suite GradBench (github.com/gradbench/gradbench): plain NumPy, differentiated by Wengert.

A module per eval; each ends in ``FUNCTIONS``, what the suite may call in it.  What the suite asks of an eval is in its
``evals/*/README.md``.  :mod:`benchmarks.gradbench_tool` speaks the suite's protocol, and :mod:`.compare` runs the suite
with this tool and with others.
"""
