r"""Matrices of plain TeX, `\pmatrix{1 & 0 \cr 0 & 1}`, as those of LaTeX."""

from __future__ import annotations

from attncli.patterns import pattern

_CALL = pattern(r"\\(p?matrix)(?=\{)")


def write_environments(text: str) -> str:
    r"""Return the text with `\begin{pmatrix}` and `\end{pmatrix}` in place of `\pmatrix{` and its brace."""
    if "matrix{" not in text:
        return text
    from attncli.formats.tex_columns import group_end

    position, parts = 0, []
    for found in _CALL.finditer(text):
        end = group_end(text, found.end())
        if found.start() < position or end < 0:
            continue
        parts += [text[position : found.start()], f"\\begin{{{found[1]}}}", text[found.end() + 1 : end - 1]]
        parts.append(f"\\end{{{found[1]}}}")
        position = end
    return "".join([*parts, text[position:]])
