"""ONNX files as operations of the shared import stages."""
