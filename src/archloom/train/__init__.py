"""Training of networks and what is measured of them: recipes, trainer, labels, latency, devices.

It knows networks as graphs that run (``execute``) and images (``data``). Must not import views,
segments, predictors or searches: these are trained and measured by it, and it knows none of them.
"""
