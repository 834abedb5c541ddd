"""What could be meant as a number, or as a missing one, never makes a header or a label."""

from __future__ import annotations

import contextlib
import gc
import re
import time

import pytest
from bad_input_reader import read_all

from attncli.errors import InputError
from attncli.matrix import Matrix, Reading
from attncli.numbers.foreign_numerals import HIDDEN, INFINITE, MISSING, NUMBER, Doubt, doubt
from attncli.numbers.numerals import parse_number
from attncli.numbers.units import words

PLAINLY_TYPED = {
    "groups of digits": "1.234,5=1234.5 1,234.5=1234.5 1’234.5=1234.5 1'234.5=1234.5 1_000=1000 12,34,567=1234567",
    "decimal commas": "1,5=1.5 ,5=.5 1,5-=-1.5",
    "minus signs": "–1.5=-1.5 —1.5=-1.5 ‑1.5=-1.5 －1.5=-1.5 ﹣1=-1 1.5-=-1.5 (1.5)=-1.5 (1,234.50)=-1234.50 ($5)=-5",
    "currencies": "$1.50=1.50 €1,50=1.50 1,50€=1.50 £3=3 -$5=-5 USD5=5 5USD=5 US$5=5 R$5=5 5元=5 ₿1=1 ¥100=100 5¢=5",
    "exponents": "1.0D+00=1.0 1.5d3=1.5e3 1.5q3=1.5e3 1.5x10^3=1.5e3 1.5*10^-3=1.5e-3 1.5*^3=1.5e3",
    "suffixes": "1.5f=1.5 10UL=10 1.5f32=1.5 1i32=1 1.0_dp=1.0 1f0=1",
    "units": "3kg=3 5ms=5 20°C=20 20°=20 5px=5 1.5rem=1.5 5µm=5 10Hz=10 1.5kΩ=1.5 64GB=64 50%=50e-2",
    "digits of other scripts": "１２=12 １．５=1.5 ٣٫٥=3.5 १२=12",
    "fractions": "½=1/2 -1½=-3/2 −¾=-3/4 1⁄2=1/2 1∕2=1/2 1÷2=1/2",
    "texts of a spreadsheet": '\'1.5=1.5 ="1.5"=1.5',
}
CURED = [
    pytest.param(*pair.rsplit("=", 1), id=f"{name}: {pair}")
    for name, pairs in PLAINLY_TYPED.items()
    for pair in pairs.split()
]
WITH_BLANKS = [
    *("1\u00a0234", "1\u202f234,5", "1\u2009234", "1,50 €", "USD 5", "Rs. 500", "Fr. 5", "3 kg", "5 days", "1 e3"),
]
NO_CURE = sorted(
    words("""
    --5 ..5 1..5 1.2.3 1:30 2024-01-05 12/05/2024 [1] [1,] [,1] {1} <0.05 >5 ≤3 ±1 1±0.1 1.5(2) ~5 #1 10² 1.5×10³
    1/2/3 0x1F 0b11 &H1F 1Fh 0x1.8p3 1+2i 1+2j (1+2j) O.5 l.5 5‰ 1.5M 5k 3D 3万 5億 2π √2 5! 192.168.0.1 1e+ 1.0+100
""")
)
MISSING_NUMBERS = sorted(
    words("""
    NA na N/A n/a <NA> NULL null (null) \\N None none nil NaT #N/A #NV #DIV/0! #VALUE! #REF! #NAME? #WERT! - -- – — −
    -nan(ind) nan(0x7ff) 1.#IND -1.#IND 1.#QNAN NaN32 undefined missing n.a. k.A. NA_real_ np.nan н/д nan* NaN#
""")
)
INFINITIES = sorted(words("∞ +∞ -∞ −∞ 1.#INF \\infty -\\infty Inf32 -oo np.inf inf# -Inf* .inf) Infinity,"))
HIDDEN_ONES = ["\u200b1.5", "1\u200b.5", "cat\u200b", "\ufeffx", "\u200e-5", "a\u00ad", "a\x1fb", "a\u2800", "a\u200db"]
IN_DOUBT = [case.values[0] for case in CURED] + WITH_BLANKS + NO_CURE + MISSING_NUMBERS + INFINITIES + HIDDEN_ONES
LABELS = sorted(
    words("""
    cat [CLS] ##ing q1 k2 x² H₂O CO2 1st 2nd 3rd 4th 1er 1a layer3 T5 GPT-2 gpt-3.5-turbo Llama3.1 v1.5 2x2 A1 R1 C3 <s>
    </s> <pad> <0x0A> [UNK] Ġthe ▁the 's n't ! % $ ; @ & q_1 V[0] é 日本 第1 北京 мир Δt σ² №1 2-gram 1D-conv feature_0
    Jan a–b C# C++ node.js p53 H1N1 4ever U.S. nandi naan info T x #ing #wow! 🐱
""")
) + ["New York", "New\u00a0York", "می\u200cخواهم", "👩\u200d💻", "row NA", "row (1.5)", "row –1", "Q1 2024", "1 cat"]


def read(text: str, reading: Reading | None = None) -> Matrix:
    return read_all("csv", text.encode(), reading)[""]


def outcome(text: str, header: bool | None = None) -> str | Matrix:
    """The matrix, or the whole error."""
    try:
        return read_all("csv", text.encode(), Reading(header=header))[""]
    except InputError as error:
        return f"{error.where}: {error.what} | {error.hint}"


@pytest.mark.parametrize("cell", IN_DOUBT)
def test_a_cell_in_doubt_makes_no_header(cell: str) -> None:
    quoted = cell.replace('"', '""')
    for first, column in ((f'"{quoted}","{quoted}"', 1), (f'cat,"{quoted}"', 2), (f'"{quoted}",cat', 1)):
        with pytest.raises(InputError) as caught:
            read(f"{first}\n0.5,0.25\n1,2\n")
        assert caught.value.where == f"q.csv: line 1, column {column}"
        assert caught.value.hint
    if doubt(cell).kind != HIDDEN:
        assert read(f'"{quoted}",cat\n0.5,0.25\n', Reading(header=True)).column_labels == (cell, "cat")


@pytest.mark.parametrize("cell", IN_DOUBT)
def test_a_cell_in_doubt_makes_no_row_label(cell: str) -> None:
    quoted = '"' + cell.replace('"', '""') + '"'
    for labels, line in (((quoted, quoted), 1), (("cat", quoted), 2)):
        with pytest.raises(InputError) as caught:
            read(f"{labels[0]},0.5\n{labels[1]},0.25\n")
        assert caught.value.where == f"q.csv: line {line}, column 1"
        assert caught.value.hint
    if doubt(cell).kind != HIDDEN:
        assert doubt(f"row {cell}") is None  # the way that the hint names


@pytest.mark.parametrize("label", LABELS)
def test_a_word_makes_a_header_and_a_label(label: str) -> None:
    quoted = f'"{label}"'
    assert read(f"{quoted},cat\n0.5,0.25\n").column_labels == (label, "cat")
    assert read(f"{quoted},{quoted}\n0.5,0.25\n").column_labels == (label, label)
    assert read(f"{quoted},0.5\n{quoted},0.25\n").row_labels == (label, label)


@pytest.mark.parametrize(("cell", "typed"), CURED)
def test_the_hint_types_the_number_plainly(cell: str, typed: str) -> None:
    found = doubt(cell)
    assert found is not None
    assert (found.kind, found.cure) == (NUMBER, typed)
    parse_number(typed)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (NO_CURE, NUMBER),
        (WITH_BLANKS, NUMBER),
        (MISSING_NUMBERS, MISSING),
        (INFINITIES, INFINITE),
        (HIDDEN_ONES, HIDDEN),
    ],
)
def test_a_doubt_says_what_was_meant(cells: list[str], kind: str) -> None:
    assert {cell: doubt(cell).kind for cell in cells} == dict.fromkeys(cells, kind)


@pytest.mark.parametrize("sign", [".", "?", "*", "#", "Na", "nothing"])
def test_a_token_that_may_be_a_number_needs_a_word_beside_it(sign: str) -> None:
    assert read(f"the,1\n{sign},2\n").row_labels == ("the", sign)
    assert read(f"the,{sign}\n1,2\n").column_labels == ("the", sign)
    assert isinstance(outcome(f"{sign},1\n{sign},2\n"), str)
    assert isinstance(outcome(f"{sign},{sign}\n1,2\n"), str)


def test_a_word_in_the_corner_vouches_for_no_column() -> None:
    assert isinstance(outcome("token,.\ncat,1\n"), str)
    assert outcome("-,k0\nq0,1\n").row_labels == ("q0",)  # the corner is no label


MESSAGES = [
    (
        "NA NA\n1 2\n",
        "line 1, column 1: 'NA' could be a missing number or a label"
        " | type nan for a missing number, or use --header if the first row is a header",
    ),
    (
        "1.234,5;0,5\n2.345,6;0,7\n",
        "line 1, column 1: '1.234,5' could be a number or a label"
        " | type 1234.5, or add a word if it is a label, as in 'row 1.234,5'",
    ),
    (
        "1, 2 3\n4, 5 6\n",
        "line 1, column 1: '1,' could be a number or a label"
        " | use one delimiter throughout (here cells are separated by spaces),"
        " or add a word if it is a label, as in 'row 1,'",
    ),
    ("\u200bx,y\n1,2\n", "line 1, column 1: '\\u200bx' holds an invisible character, U+200B | delete that character"),
    ("1\u202f234\n2\u202f345\n", "line 1, column 1: '1\\u202f234' could be a number or a label"
     " | type 1234, or use --header if the first row is a header"),
    ("1 2\u00a0345\n3 4\n", "line 1, column 2: '2\\xa0345' is not a number: its digits are in groups | type 2345"),
    ("1,NA\n2,3\n", "line 1, column 2: 'NA' is not a number | type nan for a missing number"),
    ("0,05\n0,5\n", "line 1, column 1: '0,05' could be 0.05 or two cells | type 0.05 or 0, 5"),
    ("1,00e2\n", "line 1, column 1: '1,00e2' could be 1.00e2 or two cells | type 1.00e2 or 1, 0e2"),
    ("3 2\n.1 .2\n.3 .4\n.5 .6\n", "line 1, column 1: the first row, 3 2, is the shape of the rows below it"
     " | leave it out, or use --no-header if it is a row of numbers"),
    ("2 2 3\n" + ".1 .2 .3\n" * 4, "line 1, column 1: the first row, 2 2 3, is the shape of the rows below it"
     " | leave it out, or use --no-header if it is a row of numbers"),
    ("3 1\n.1\n.2\n.3\n", "line 2, column 2: this row has 1 cell, line 1 has 2"
     " | leave out the first line, which is the shape of the rows below it"),
    ("2 3\n1 2 3\n4 5 6\n", "line 2, column 3: this row has 3 cells, line 1 has 2"
     " | leave out the first line, which is the shape of the rows below it"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), MESSAGES)
def test_the_message_names_the_place_and_the_ways_to_say_what_is_meant(text: str, message: str) -> None:
    assert outcome(text) == f"q.csv: {message}"


def test_header_and_no_header_settle_what_their_hints_say() -> None:
    assert outcome("NA NA\n1 2\n", True).column_labels == ("NA", "NA")
    assert outcome("3 2\n.1 .2\n.3 .4\n.5 .6\n", False).array.shape == (4, 2)


HEADER = "if it is a header, use --header, otherwise --no-header"
NOTES = [
    ("0,1\n.1,.2\n.3,.4\n", f"the first row is 0, 1: {HEADER}"),
    ("2019,2020,2021,2022\n1,2,3,4\n", f"the first row is 2019, 2020, 2021, …: {HEADER}"),
    ("10,20,30\n.1,.2,.3\n.4,.5,.6\n", f"the first row is 10, 20, 30: {HEADER}"),
    (
        "0,.5\n1,.1\n2,.2\n3,.4\n",
        "the first column is 0, 1, 2, …: if it is an index, leave it out of the file "
        "(pandas: to_csv(FILE, index=False))",
    ),
    (
        "2 2\n1 0\n0 1\n",
        "the first row, 2 2, is the shape of the rows below it: if it is not a row of numbers, leave it out, "
        "otherwise use --no-header",
    ),
]


@pytest.mark.parametrize("keep_text", [False, True])
@pytest.mark.parametrize(("text", "note"), NOTES)
def test_what_looks_like_a_header_or_an_index_gets_a_note(text: str, note: str, keep_text: bool) -> None:
    assert read_all("csv", text.encode(), Reading(keep_text=keep_text))[""].notes == (f"q.csv: {note}",)


@pytest.mark.parametrize("keep_text", [False, True])
def test_a_row_of_numbers_that_header_takes_away_gets_a_note(keep_text: bool) -> None:
    matrix = read_all("csv", b"1,0\n0,1\n1,1\n", Reading(header=True, keep_text=keep_text))[""]
    assert matrix.notes == ("q.csv: the first row, 1, 0, is the header: leave out --header if it is a row of numbers",)


@pytest.mark.parametrize("text", ["1\t\t2", "1\t2; 3\t \t4", "\t1\t2", "1\t2\t\n3\t4\t"])
def test_a_gap_in_a_pasted_literal_does_not_close(text: str) -> None:
    with pytest.raises(InputError, match=r"a cell next to a tab is empty|the cell is empty"):
        read_all("literal", text.encode())


@pytest.mark.parametrize("text", ["1\u00a0234 5", "[[1\u202f234, 5]]", "1\u2009234"])
def test_a_no_break_space_separates_nothing_in_a_literal(text: str) -> None:
    with pytest.raises(InputError, match="its digits are in groups") as caught:
        read_all("literal", text.encode())
    assert caught.value.hint == "type 1234"


def _seconds(text: str) -> float:
    gc.disable()  # what it collects depends on the tests before
    try:
        started = time.process_time()
        for source in ("literal", "txt"):
            with contextlib.suppress(InputError):
                read_all(source, text.encode())
        return time.process_time() - started
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "1" + " " * n + "2; 3 4",
        lambda n: "1" + "\t" * n + "2",
        lambda n: "1 2\n3 4\n\n" * n,
        lambda n: "-" * n + "x,1\ncat,2",
        lambda n: "#" + "A" * n + "x,1\ncat,2",
        lambda n: "1," * n + "1",
        lambda n: "a,1." + "9" * n + "x\nb,2",
    ],
)
def test_twice_the_text_takes_about_twice_the_time(make: object) -> None:
    size = 5_000  # longer texts get no hints, which take the most time
    # a quadratic reader takes 64 times as long
    assert any(_seconds(make(8 * size)) < 24 * _seconds(make(size)) + 0.2 for _ in range(2))


def test_units_are_not_found_within_words() -> None:
    assert [word for word in re.split(" ", "1st 2nd 3rd 4th 1er 2ème 7zip") if doubt(word)] == []


@pytest.mark.parametrize("space", ["\u00a0", "\u2009", "\u2003", "\u3000"])
def test_numbers_between_which_a_wide_or_no_break_space_stands_are_distinguished(space: str) -> None:
    found = doubt(f"1.5{space}-2")
    assert found is not None
    assert (found.kind, found.hint) == (NUMBER, "type 1.5 -2, with plain spaces between its numbers")


@pytest.mark.parametrize("cell", ["1" * 201, f"{'1' * 150}e{'1' * 150}", f"-{'1' * 250}.5E+400"])
def test_a_long_number_beyond_float64_is_not_a_label(cell: str) -> None:
    assert doubt(cell) == Doubt(NUMBER)
    assert doubt(f"token{cell}") is None
