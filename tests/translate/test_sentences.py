import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlc_data.translate.sentences import split

PIECES = st.lists(
    st.sampled_from(
        [
            "How do I swim?", "Dr. Smith said no.", "\"Stop!\" he said.", " ", "  ", "\n", "\r\n",
            "\n\n- ", "3.5 km", "https://example.org/a?b=c.", "...", "Why", "?!", "\t", "\u00a0",
            "```\n", "```", "~~~", "* ", "2) ", "first, and then; ", "# ", "> ", " word" * 120,
            "\u200f", "\u4f60\u597d\u3002", "1.", "a@b.org", "e.g. this", "\u2028", "\x85",
        ]
    )
)  # fmt: skip


@given(st.one_of(st.text(), PIECES.map("".join)), st.booleans())
@example("", False)
@example("\u0085a. B", True)
def test_joining_the_sentences_gives_the_text_back(text: str, finer: bool) -> None:
    segments = split(text, "eng_Latn", finer=finer)
    assert segments.join(segments.sentences, "eng_Latn") == text
    assert len(segments.gaps) == len(segments.sentences) + 1
    assert all(sentence == sentence.strip() for sentence in segments.sentences)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("How do I swim? Tell me.", ("How do I swim?", "Tell me.")),
        ("Is Dr. Smith in? Yes.", ("Is Dr. Smith in?", "Yes.")),
        ("One line\nanother line", ("One line", "another line")),
        ("It costs 3.50 dollars.", ("It costs 3.50 dollars.",)),
        ("  https://example.org/a.b  ", ()),
        ("42", ()),
        ("- Mix it.\n2) Bake it.", ("Mix it.", "Bake it.")),
        ("A. Smith lives here.", ("A. Smith lives here.",)),
        ("Fix this:\n```python\nif x:\n    say(1)\n```\nThanks.", ("Fix this:", "Thanks.")),
        ("Mind ``` in a line.\n```\nan open fence", ("Mind ``` in a line.", "an open fence")),
        ("", ()),
        ("{name}\nHow do I wash a car?", ("How do I wash a car?",)),
        ("`ls -la`\nHow do I wash a car?", ("How do I wash a car?",)),
        ("$x^2+1$\n[NAME]\nWhat is it?", ("What is it?",)),
        ("<p>How do I wash a car?</p>", ("How do I wash a car?",)),
        ("<|im_start|>user\nHow do I swim?<|im_end|>", ("How do I swim?",)),
        ("```ls```\nWrite a guide.\n```pwd```\nThanks.", ("Write a guide.", "Thanks.")),
        ("````\n```\nx = 1\n```\n````\nThanks.", ("Thanks.",)),
        ("```\nx = 1\nWhat is wrong here?", ("What is wrong here?",)),
        ("**text.**", ("text.",)),
        ("**Stop. Do not go.** Fine.", ("Stop.", "Do not go.", "Fine.")),
        ("*Note*: go on.", ("*Note*: go on.",)),
        ("I love it \U0001f600", ("I love it",)),
        ("I \U0001f600 love it", ("I \U0001f600 love it",)),
        ("I love it! #fun", ("I love it!",)),
        ("Use __init__ here", ("Use __init__ here",)),
    ],
)
def test_sentences(text: str, sentences: tuple[str, ...]) -> None:
    assert split(text, "eng_Latn").sentences == sentences


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("If I am late again, can you please wait for me?",
         ("If I am late again,", "can you please wait for me?")),
        ("Yes, please.", ("Yes, please.",)),
        ("a b c; d e f: g h i", ("a b c;", "d e f:", "g h i")),
    ],
)  # fmt: skip
def test_a_finer_split_cuts_at_clauses(text: str, pieces: tuple[str, ...]) -> None:
    assert split(text, "eng_Latn", finer=True).sentences == pieces


def test_a_finer_split_leaves_no_long_piece_where_there_are_blanks() -> None:
    pieces = split("word " * 400, "eng_Latn", finer=True).sentences
    assert max(len(piece) for piece in pieces) <= 400
    assert split("x" * 900, "eng_Latn", finer=True).sentences == ("x" * 900,)


def test_white_space_stays_except_between_chinese_sentences() -> None:
    segments = split(" One.  Two.\n\nThree. Four. ", "eng_Latn")
    assert segments.join(["1", "2", "3", "4"], "fra_Latn") == " 1  2\n\n3 4 "
    assert segments.join(["1", "2", "3", "4"], "zho_Hans") == " 12\n\n34 "


def test_a_translation_too_few_is_refused() -> None:
    with pytest.raises(ValueError, match="1 translations of 2 sentences"):
        split("One. Two.", "eng_Latn").join(["1"], "fra_Latn")


def test_a_sentence_that_was_wrapped_is_one_on_one_line_for_the_engine() -> None:
    text = "Write me a step-by-step guide on\nhow to water plants.\nThanks."
    segments = split(text, "eng_Latn")
    assert segments.plain == ("Write me a step-by-step guide on how to water plants.", "Thanks.")


@pytest.mark.parametrize(
    "text",
    [
        "roses are red\nviolets are blue",
        "apples\noranges\nand pears",
        "- of this\n- of that",
        "Dear Sam,\nhow are you",
    ],
)
def test_short_lines_stay_apart(text: str) -> None:
    assert len(split(text, "eng_Latn").sentences) == text.count("\n") + 1
