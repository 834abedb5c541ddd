from __future__ import annotations

import pytest
from bad_input_reader import read_all
from bad_inputs import BAD_INPUTS

from attncli.errors import InputError
from attncli.matrix import Reading


@pytest.mark.parametrize(
    ("format_name", "data", "where", "what", "hint"),
    [pytest.param(*case[1:], id=f"{case[1]}: {case[0]}") for case in BAD_INPUTS],
)
@pytest.mark.parametrize("keep_text", [False, True])
def test_bad_input_is_refused_in_these_words(
    format_name: str, data: bytes, where: str, what: str, hint: str | None, keep_text: bool
) -> None:
    with pytest.raises(InputError) as caught:
        read_all(format_name, data, Reading(keep_text=keep_text))
    assert (caught.value.where, caught.value.what, caught.value.hint) == (where, what, hint)


def test_the_sentences_are_unique() -> None:
    sentences = [(case[1], case[0]) for case in BAD_INPUTS]
    assert len(set(sentences)) == len(sentences)
