"""Scripts behind every figure of speed or quality, a folder per system; run from the project's root
as ``python -m benchmarks.FOLDER.bench_NAME``. ``summarise`` makes ``docs/results.md`` of what they
recorded.
"""
