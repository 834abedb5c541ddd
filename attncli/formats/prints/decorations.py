"""What stands around a print that was copied out of a notebook, a REPL or a page: fences, prompts, labels."""

from __future__ import annotations

import re

BEGINNING = re.compile(
    r"\s*(?:```|[⎡⎛]|Tensor[ \t]*\n\s*\[|torch_tensor[ \t]*\n|#Nx\.Tensor<"
    r"|>>>? ?\S|> ?[A-Za-z(]|In ?\[|Out\[|julia> ?\S|octave:[0-9]+> ?\S)"
)
_BRACKETS = str.maketrans(dict.fromkeys("⎡⎢⎣⎤⎥⎦⎛⎜⎝⎞⎟⎠", " "))  # around rows, as SymPy and Gonum print them
_FENCE = re.compile(r"(\s*)```[^\n`]*(\n.*\n)[ \t]*```\s*", re.DOTALL)
_NX = re.compile(r"\s*#Nx\.Tensor<\s*\w+(?:\[\w+\])*(\s*\[.*\])\s*>\s*", re.DOTALL)
_PROMPT = re.compile(r"(?:>>>?|>|In ?\[[0-9]*\]:|(?:julia|octave:[0-9]+)>)[ \t]*(?=\S)")
_CONTINUED = re.compile(r"\.\.\.[ \t]?|\+[ \t]")
_OUT = re.compile(r"Out ?\[[0-9]+\](?://\w+)?[:=][ \t]*")
_SHOWN = re.compile(r"(?:(?:print|display|disp|println)\(\s*)?([A-Za-z_][\w.]*)\)?;?[ \t]*")  # what only shows an array
_ASSIGNS = re.compile(r"\s*[A-Za-z_]\w*[ \t]*(?:=|<-)")


def strip_around(text: str) -> str:
    """Return the text without fences and prompts, with as many lines. A line that shows an array, `>>> Q`, becomes its
    name, `Q =`."""
    if BEGINNING.match(text) is None:
        return text
    if shown := _NX.fullmatch(text):
        return shown[1]
    if fenced := _FENCE.fullmatch(text):
        text = fenced[1] + fenced[2]
    text = re.sub(r"\A\s*(?:T|torch_t)ensor(?=[ \t]*\n)", "", text.translate(_BRACKETS))
    lines = text.split("\n")
    is_prompted = any(map(_PROMPT.match, lines))
    for index, line in enumerate(lines):
        if prompt := _PROMPT.match(line):
            rest = line[prompt.end() :]
            if shown := _SHOWN.fullmatch(rest):
                follows = next((later for later in lines[index + 1 :] if later.strip()), "")
                names_itself = bool(_ASSIGNS.match(follows)) or not shown[1].isidentifier()
                rest = "" if names_itself or not shown[1].isidentifier() else f"{shown[1]} ="
            lines[index] = rest
        elif is_prompted and (continued := _CONTINUED.match(line)):
            lines[index] = line[continued.end() :]
        elif out := _OUT.match(line):
            lines[index] = line[out.end() :]
    return "\n".join(lines)
