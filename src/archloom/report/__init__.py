"""Result folders: tables, figures, verdicts and the self-contained HTML page.

Each system has a folder of its own; the page and its look are shared. It must not import
``workflow``: a report shows what is in its files.
"""
