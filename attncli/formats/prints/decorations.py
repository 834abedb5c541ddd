"""What stands around a print that was copied out of a notebook, a REPL or a page: fences, prompts, labels."""

from __future__ import annotations

import re
from itertools import pairwise

from attncli.formats.prints.headings import name_headings, open_fences, strip_marks
from attncli.numbers.numerals import may_be_cell

_SHELL = (  # what a program shows before what is typed: julia>, octave:1>, irb(main):001:0>, sage:, (gdb), (%i1)
    r"(?:[A-Za-z]\w{0,11}(?:\([\w:]{0,12}\))?(?::[0-9:]{1,12})?>{1,2}(?=[ \t]|$)|sage:(?=[ \t])"
    r"|\((?:Pdb(?:\+\+)?|gdb|lldb|%i[0-9]+)\)|-->(?=[ \t]|$)|ic\|(?=[ \t])|In ?\[[0-9]*\]:=?)"
)
BEGINNING = re.compile(
    r"\s*(?:```|~~~|(?:[A-Za-z]\w*[ \t]*=[ \t]*)?[⎡⎛]|┌[ \t]+┐|\$[0-9]+ = "
    r"|(?:val [a-z_]\w*|-) : [^=\n]* array = \[\||Tensor[ \t]*\n\s*\[|torch_tensor[ \t]*\n|#Nx\.Tensor<"
    r"|\w+ ==> |\$[0-9]+ ==> |%[0-9]+ =\s|\[[^\n]*\n\(%o|\[[\w./\\-]+\.rs:[0-9]"
    rf"|>>>? ?\S|> ?[A-Za-z(\[{{]|Out\[|\(%o|{_SHELL}[ \t]*\S)"
)
_DEBUGGED = re.compile(  # Rust's dbg!(&q), with the place in the code before it
    r"^[ \t]*\[[\w./\\-]+\.rs:[0-9]+(?::[0-9]+)?\][ \t]+(?:&*(\w+)[ \t]*=(?=[ \t])|[^\n=]*=(?=[ \t]))", re.MULTILINE
)
_OCAML = re.compile(r"^[ \t]*(?:val ([a-z_]\w*)|-)[ \t]*:[ \t]*[^=\n]* array[ \t]*=[ \t]*(?=\[\|)", re.MULTILINE)
_NAMED_ANSWER = re.compile(r"^[ \t]*([A-Za-z]\w*) ==>(?=[ \t])", re.MULTILINE)  # of Java's jshell
_DEEPEST = 4
_BRACKETS = str.maketrans(dict.fromkeys("⎡⎢⎣⎤⎥⎦⎛⎜⎝⎞⎟⎠", " "))  # around rows, as SymPy and Gonum print them
_BOX = str.maketrans(dict.fromkeys("┌┐│└┘", " "))  # as nalgebra does
_NAMED_BRACKET = re.compile(r"(=[ \t]*)([⎡⎛])")
_FENCE = re.compile(r"(\s*)(```|~~~)[^\n`]*(\n.*\n)[ \t]*\2\s*", re.DOTALL)
_NX = re.compile(r"\s*#Nx\.Tensor<\s*\w+(?:\[\w+\])*(\s*\[.*\])\s*>\s*", re.DOTALL)
_PROMPT = re.compile(rf"[ \t]*(?:>>>?|>|{_SHELL})(?:[ \t]+|(?=\S)|$)")
_CONTINUED = re.compile(r"[ \t]*(?:\.\.\.:?(?:[ \t]|$)|\+[ \t])")
_OUT = re.compile(
    r"[ \t]*(?:Out ?\[[0-9]+\](?://\w+)?[:=]|\(%o[0-9]+\)|=>(?=[ \t])|\$[0-9]+ ==?>?(?=[ \t])|%[0-9]+ =(?=\s))[ \t]*"
)
_SHOWN = re.compile(  # what only shows an array
    r"(?:(?:print|display|disp|println)\(\s*|pp? )?([A-Za-z_][\w.]*)\)?;?[ \t]*"
)
_ASSIGNS = re.compile(r"\s*(?:(?:val|var|let|const) )?([A-Za-z_]\w*)[^\n=<>]{0,60}?(?::?=(?!=)|<-|:[ \t]*(?=matrix\())")


def strip_around(text: str) -> str:
    """Return the text without fences, prompts and headings, with as many lines. A line that shows an array, `>>> Q`,
    and a heading above one, `# Q`, become its name, `Q =`."""
    return strip_page(text)[0]


def strip_page(text: str) -> tuple[str, bool]:
    """Return the text without what stands around its arrays, and whether words outside of its fences are left out."""
    has_words = False
    for _ in range(_DEEPEST):  # a session of one program may be quoted by another
        before = text
        if ("```" in text or "~~~" in text) and (opened := open_fences(text)):
            text, has_words = opened[0], has_words or opened[1]
        text = _strip_once(text)
        if text == before:
            break
    return name_headings(strip_marks(text)), has_words


def _strip_once(text: str) -> str:
    if BEGINNING.match(text) is None:
        return text
    if shown := _NX.fullmatch(text):
        return shown[1]
    if fenced := _FENCE.fullmatch(text):
        text = fenced[1] + fenced[3]
    text = re.sub(r"\A\s*(?:T|torch_t)ensor(?=[ \t]*\n)", "", _NAMED_BRACKET.sub(r"\1\n\2", text).translate(_BRACKETS))
    text = text.translate(_BOX) if "┌" in text and "─" not in text else text
    text = _OCAML.sub(lambda found: f"{found[1]} = " if found[1] else "", text) if "[|" in text else text
    text = _NAMED_ANSWER.sub(r"\1 =", _DEBUGGED.sub(lambda found: f"{found[1]} =" if found[1] else "", text))
    lines = text.split("\n")
    starts = [index for index, line in enumerate(lines) if _PROMPT.match(line)]
    for first, end in pairwise([*starts, len(lines)]):
        _strip_prompt(lines, first, end)
    lines = [line[out.end() :] if (out := _OUT.match(line)) else line for line in lines]
    return "\n".join(lines)


def _strip_prompt(lines: list[str], first: int, end: int) -> None:
    """Strip the prompts from what was typed at one of them, up to `end`. If a program answered, what was typed becomes
    the name of the answer, or nothing if the answer names itself or what was typed has no name."""
    lines[first] = _PROMPT.sub("", lines[first], count=1)
    after = first + 1
    while after < end and (continued := _CONTINUED.match(lines[after])):
        lines[after] = lines[after][continued.end() :]
        after += 1
    while after < end and _is_open(lines[first:after]):
        after += 1
    answer = next((line for line in lines[after:end] if line.strip()), "")
    typed = lines[first]
    if len(typed.split()) > 1 and all(map(may_be_cell, typed.split())):
        return  # a row, below a sign of quotation before its first line only
    shown = _SHOWN.fullmatch(typed)
    if not answer and not shown:
        return
    assigned = _ASSIGNS.match(typed)
    name = shown[1] if shown and shown[1].isidentifier() else assigned[1] if assigned else ""
    names_itself = bool(_ASSIGNS.match(_OUT.sub("", answer, count=1)))
    lines[first:after] = [f"{name} =" if name and not names_itself else "", *[""] * (after - first - 1)]


def _is_open(lines: list[str]) -> bool:
    """Return whether more brackets are opened than closed."""
    text = "".join(lines)
    return sum(map(text.count, "([{")) > sum(map(text.count, ")]}"))
