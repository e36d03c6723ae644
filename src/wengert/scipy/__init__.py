"""SciPy, as traced code sees it: drop-ins for ``scipy.special``, ``scipy.stats`` and ``scipy.linalg``.

Plain SciPy works in functions that Wengert transforms, and needs no other import.  These namespaces are for code that
Wengert cannot look into by itself (callbacks held in objects, functions made by ``exec``).  A submodule is imported by
itself, as in SciPy::

    from wengert.scipy import special, stats
"""
