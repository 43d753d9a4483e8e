"""Files that the reference implementations wrote: state dicts, families, pickles.

Pickles are read by ``restricted`` alone, in a limited process of their own. It must not import
``torch`` or ``io.importing``.
"""
