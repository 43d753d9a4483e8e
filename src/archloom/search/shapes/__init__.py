"""Shape propagation: sizes of a replaced segment as an integer program.

It knows graphs and sizes only: it must not import ``predict``, ``segments`` or ``torch``.
"""
