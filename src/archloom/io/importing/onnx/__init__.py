"""ONNX files as operations of the shared import stages.

A model is read, never run: it must not import ``onnxruntime``, nor ``io.importing.torch``.
"""
