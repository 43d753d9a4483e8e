"""From operation lists to graphs, in four stages that all importers share: values and their types
(``values``), rewriting (``rules``), which of them are maps (``layout``), nodes (``nodes``).

A format's reader hands over ``operations``; the stages know no format and must not import
``io.importing.onnx``, ``io.importing.torch`` or ``io.importing.tensorflow``.
"""
