"""Pictures of graphs: layout, colours, collapsed repetitions, changes of a search.

It knows graphs only: it must not import ``io``, ``spaces`` or ``torch``.
"""
