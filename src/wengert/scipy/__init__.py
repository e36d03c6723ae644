"""SciPy, as traced code sees it; see :mod:`wengert.scipy.linalg`."""
