"""The texts of cells that are kept in the bytes of their file."""

import numpy as np
import pytest

from attncli.formats import plain_texts
from attncli.formats.text_table import read
from attncli.matrix import Reading

SOURCES = {
    "commas": b"0.5,1.25\n3,4.10\n1e5,0.\n",
    "commas and spaces": b"0.5, 1.25\n3 , 4.10\n1e5,0.\n",
    "tabs": b"0.5\t1.25\n3\t4.10\n1e5\t 0.",
    "semicolons and a header": b"a;b\r\n0.5;1.25\r\n3;4.10\r\n1e5;0.\r\n",
    "spaces": b" 0.5 1.25\n\n3   4.10\n1e5 0.",
    "a column": b"0.5\n1.25\n3\n4.10\n1e5\n0.\n",
    "a row": b"0.5,1.25,3,4.10,1e5,0.\n",
}
TEXTS = ["0.5", "1.25", "3", "4.10", "1e5", "0."]


def texts_of(data):
    return read(data, "here", Reading(keep_text=True)).matrices[""]().texts


@pytest.mark.parametrize("piece", [1, 7, 1 << 18], ids=["a cell a piece", "some cells a piece", "one piece"])
@pytest.mark.parametrize("data", SOURCES.values(), ids=SOURCES)
def test_cells_are_read_as_they_were_printed(monkeypatch, data, piece):
    monkeypatch.setattr(plain_texts, "_PIECE", piece)
    texts = texts_of(data)
    assert isinstance(texts, plain_texts.PlainTexts)
    assert list(texts) == TEXTS
    assert [texts[place] for place in (5, 0, -2, 3)] == ["0.", "0.5", "1e5", "4.10"]
    assert texts[1:5] == TEXTS[1:5]
    assert texts[::2] == TEXTS[::2]
    assert texts[::-1] == TEXTS[::-1]
    assert len(texts) == len(TEXTS)


def test_an_index_beyond_the_cells_is_an_error():
    with pytest.raises(IndexError):
        texts_of(SOURCES["commas"])[6]


def test_a_table_that_a_rule_decides_by_its_texts_has_them_all_the_same():
    texts = texts_of(b"0,1\n0.50,0.25\n")  # a first row that may be a header
    assert list(texts) == ["0", "1", "0.50", "0.25"]


def test_the_texts_of_a_large_table_take_no_memory_of_their_own():
    import tracemalloc

    numbers = np.random.default_rng(1).random((200, 500)).round(4)
    data = b"\n".join(b",".join(b"%.4f" % cell for cell in row) for row in numbers.tolist()) + b"\n"
    tracemalloc.start()
    texts = texts_of(data)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1.3 * numbers.nbytes
    assert texts[99_999] == f"{numbers[-1, -1]:.4f}"
