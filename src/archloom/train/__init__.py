"""Training of networks and what is measured of them: recipes, trainer, labels, latency, devices.

It knows networks as graphs that run (``execute``) and images (``data``). It must not import
``views``, ``segments``, ``predict`` or ``search``: what it trains and measures, it does not know.
"""
