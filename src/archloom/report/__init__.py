"""Result folders: tables, figures, verdicts and the self-contained HTML page."""
