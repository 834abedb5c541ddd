"""Arrays as other programs print and write them. One reader serves arguments, standard input, text files and
strings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attncli.formats.contents import with_note
from attncli.formats.plain_tex import write_environments

if TYPE_CHECKING:
    from attncli.errors import InputError
    from attncli.formats.contents import Contents
    from attncli.matrix import Reading

# every printed array contains one of these, so the patterns, which are slow to compile, are not always needed
_MARKS = frozenset("[({=<×*")
_WORDS = ("- ", "-\n", "-element ", "Columns ")
_AROUND = frozenset(">`~⎡⎛┌%:")  # what stands around a print has one of these, or begins with a word
_WORDS_AROUND = ("Tensor", "torch_tensor", "Out", "(gdb", "(Pdb", "$")
_HEADINGS = frozenset(
    (
        *("q", "k", "v", "x", "query", "queries", "key", "keys", "value", "values", "mask", "context"),
        *("raw", "raw_scores", "scores", "weights", "output", "lse"),
    )
)
_LONGEST_HEADING = 80
_PLAIN_STARTS = frozenset("[{|\\-+.0123456789")  # with which little begins that stands around a print:
# of Rust's dbg!, the second line of Maxima, the prompt of Scilab, and OCaml
_SIGNS_AROUND = (".rs:", "(%o", "--> ", " array = [|")
_LONGEST_FIRST = 1 << 12


def is_print(text: str) -> bool:
    """Return whether the text begins like one of the forms, or assigns an array to a name."""
    if _MARKS.isdisjoint(text) and not any(word in text for word in _WORDS):
        return False
    from attncli.formats.prints.reader import begins_as_print

    return begins_as_print(text)


def is_labelled(text: str) -> bool:
    """Return whether the text begins with a label and an array, `Q: [[1. 2.]]`, as `print("Q:", q)` prints it.

    YAML looks like this too, so that a text from standard input is read as YAML first.
    """
    if ":" not in text:
        return False
    from attncli.formats.prints import named

    return bool(named.labelled(text))


def is_labelled_call(text: str) -> bool:
    """Return whether a call or a type stands after the label, `Q: tensor([[1., 2.]])`, which YAML takes for text."""
    if ":" not in text:
        return False
    from attncli.formats.prints import named

    return named.labelled(text).isalpha() or named.labelled(text) == "<"


def is_sized(text: str) -> bool:
    """Return whether the text begins with the name of an array and its size, `Q: shape=(2, 2)`, and the array."""
    if not any(sign in text[:_LONGEST_HEADING] for sign in ("x", "×", "(", "[")):
        return False
    from attncli.formats.prints import headings

    return headings.begins_sized(text)


def strip_decorations(text: str) -> str:
    """Return the text without the fences and prompts around a print that was copied, with as many lines."""
    text = write_environments(text)
    start = text.lstrip()
    is_plain = start[:1] in _PLAIN_STARTS and not any(sign in start[:_LONGEST_FIRST] for sign in _SIGNS_AROUND)
    if not may_be_page(start) and (is_plain or (_AROUND.isdisjoint(text) and not start.startswith(_WORDS_AROUND))):
        return text
    from attncli.formats.prints import decorations

    return decorations.strip_around(text)


def may_be_page(text: str) -> bool:
    """Return whether the text has fences, or begins with the heading of a matrix, `# Q`."""
    if "```" in text or "~~~" in text:
        return True
    words = text.lstrip()[:_LONGEST_HEADING].partition("\n")[0].strip(" \t\r#%/*=_-:`0123456789.•,;").lower().split()
    return any(word.strip("()*_`:,") in _HEADINGS for word in words)


def note_left_out(contents: Contents, text: str, where: str) -> Contents:
    """Return the contents with a note if they are what stands between the fences of a page with other words."""
    if "```" not in text and "~~~" not in text:
        return contents
    from attncli.formats.prints import decorations

    if not decorations.strip_page(text)[1]:
        return contents
    return with_note(contents, f"{where}: only its fenced blocks are read")


def explain_refusal(refusal: InputError, text: str, where: str) -> InputError:
    """Return the error that says what a text is as a whole, or the refusal of its first bad cell."""
    from attncli.formats.prints import unread

    return unread.name_form(refusal, text, where)


def is_code(text: str) -> bool:
    """Return whether a line is a call such as `np.eye(2)`, or names an array, `<…>`, and is thus no path."""
    if not text.endswith((")", ">")):
        return False
    from attncli.formats.prints import unread

    return unread.looks_like_code(text)


def read_print(text: str, where: str, reading: Reading) -> Contents:
    """Return the array of a text under the name "", or the arrays that it names."""
    from attncli.formats.prints.reader import read_parts

    return read_parts(text, where, reading)
