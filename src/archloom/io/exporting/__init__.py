"""Graphs as ONNX files: the nodes (``nodes``), the file (``file``), and its run beside the module
of the graph before it replaces anything (``check``, in a process ``child``).

A graph and its weights are all that is needed: it must not import ``io.importing.model``,
``io.importing.torch`` or ``io.importing.tensorflow``.
"""
