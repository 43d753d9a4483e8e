"""Conversion of a classification network into backbones of other tasks, and back.

Graphs in, graphs out: it must not import ``search``.
"""

from archloom.tasks.backbones import output_channels, to_classifier, to_pose, to_segmentation

__all__ = ["output_channels", "to_classifier", "to_pose", "to_segmentation"]
