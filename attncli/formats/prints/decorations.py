"""What stands around a print that was copied out of a notebook, a REPL or a page: fences, prompts, labels."""

from __future__ import annotations

import re

_SHELL = (  # what a program shows before what is typed: julia>, octave:1>, irb(main):001:0>, sage:, (gdb), (%i1)
    r"(?:[A-Za-z]\w{0,11}(?:\([\w:]{0,12}\))?(?::[0-9:]{1,12})?>{1,2}(?=[ \t]|$)|sage:(?=[ \t])"
    r"|\((?:Pdb|gdb|lldb|%i[0-9]+)\)|In ?\[[0-9]*\]:=?)"
)
BEGINNING = re.compile(
    r"\s*(?:```|~~~|[⎡⎛]|Tensor[ \t]*\n\s*\[|torch_tensor[ \t]*\n|#Nx\.Tensor<"
    rf"|>>>? ?\S|> ?[A-Za-z(\[{{]|Out\[|\(%o|{_SHELL}[ \t]*\S)"
)
_BRACKETS = str.maketrans(dict.fromkeys("⎡⎢⎣⎤⎥⎦⎛⎜⎝⎞⎟⎠", " "))  # around rows, as SymPy and Gonum print them
_FENCE = re.compile(r"(\s*)(```|~~~)[^\n`]*(\n.*\n)[ \t]*\2\s*", re.DOTALL)
_NX = re.compile(r"\s*#Nx\.Tensor<\s*\w+(?:\[\w+\])*(\s*\[.*\])\s*>\s*", re.DOTALL)
_PROMPT = re.compile(rf"[ \t]*(?:>>>?|>|{_SHELL})(?:[ \t]+|(?=\S)|$)")
_CONTINUED = re.compile(r"[ \t]*(?:\.\.\.:?(?:[ \t]|$)|\+[ \t])")
_OUT = re.compile(r"[ \t]*(?:Out ?\[[0-9]+\](?://\w+)?[:=]|\(%o[0-9]+\))[ \t]*")
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
        text = fenced[1] + fenced[3]
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
