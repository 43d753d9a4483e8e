"""TransNAS-Bench-101: its two spaces, and what they share: tasks, stem, stages, heads.

It must not import ``io`` or ``torch``, as no space does.
"""
