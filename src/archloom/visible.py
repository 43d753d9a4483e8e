"""Names from files are data: what they would do to a terminal or a document is shown instead."""

from __future__ import annotations

from unicodedata import category

_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Categories of Unicode without a glyph: control characters, marks of direction, half characters
(surrogates) and what stands for nothing.
"""


def visible(text: str) -> str:
    r"""Return ``text`` with every character that cannot be seen as Python would write it, such as
    ``\x1b``; line feeds and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(
        ascii(one)[1:-1] if category(one) in _UNSEEN and one not in "\n\t" else one for one in text
    )


def whole(text: str) -> str:
    r"""Return ``text`` with half characters (surrogates), which no UTF-8 has, written as Python
    would, such as ``\ud800``.
    """
    return text.encode("utf-8", "backslashreplace").decode()
