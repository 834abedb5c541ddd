"""Every key that the table of other names points to exists, and no other name is one of a key's own."""

from attncli.inputs.array_names import letters_of, matrix_name
from attncli.inputs.problem_keys import KEYS
from attncli.inputs.request import EXPECTED_NAMES
from attncli.inputs.setting_words import VALUES, WORDS, key_meant, suggest_value
from attncli.inputs.settings import SETTINGS


def test_each_word_leads_to_a_key_that_exists():
    assert {key for key, _ in WORDS} <= set(KEYS)


def test_no_word_stands_for_two_keys():
    letters = [letters_of(word) for words in WORDS.values() for word in words]
    assert len(letters) == len(set(letters))


def test_no_word_is_a_name_that_a_problem_file_reads():
    read = {word for words in WORDS.values() for word in words if matrix_name(word) or word.replace(" ", "_") in KEYS}
    assert read == set()


def test_a_word_is_known_however_its_letters_are_joined():
    for word in ("num_heads", "numHeads", "num-heads", "NUM_HEADS"):
        assert key_meant(word) == ("heads", "")


def test_each_word_for_a_choice_leads_to_a_choice_of_a_setting_or_a_result():
    assert set(VALUES) <= {choice for setting in SETTINGS for choice in setting.choices} | set(EXPECTED_NAMES)


def test_no_word_stands_for_two_choices():
    letters = [letters_of(word) for words in VALUES.values() for word in words]
    assert len(letters) == len(set(letters))


def test_a_word_for_a_choice_of_another_setting_is_not_a_hint():
    assert suggest_value("fp16", ("float16", "float32")) == "did you mean 'float16'?"
    assert suggest_value("fp16", ("l2", "rms")) == "one of: l2, rms"


def test_a_word_for_no_value_gets_the_hint_to_leave_the_setting_out(run):
    for words in (("--softcap", "none"), ("--top-k", "off"), ("--query-offset", "null")):
        ran = run("demo", *words)
        assert ran.status == 2
        assert ran.err.endswith("\nhint: leave the setting out\n")
