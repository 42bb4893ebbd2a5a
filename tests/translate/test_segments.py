import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlc_data.translate.segments import split

PIECES = st.lists(
    st.sampled_from(
        [
            "How do I swim?", "Dr. Smith said no.", "\"Stop!\" he said.", " ", "  ", "\n", "\r\n",
            "\n\n- ", "3.5 km", "https://example.org/a?b=c.", "...", "Why", "?!", "\t", "\u00a0",
            "\u200f", "\u4f60\u597d\u3002", "1.", "a@b.org", "e.g. this", "\u2028", "\x85",
        ]
    )
)  # fmt: skip


@given(st.one_of(st.text(), PIECES.map("".join)))
@example("")
@example("\u0085a. B")
def test_joining_the_sentences_gives_the_text_back(text: str) -> None:
    segments = split(text, "eng_Latn")
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
        ("", ()),
    ],
)
def test_sentences(text: str, sentences: tuple[str, ...]) -> None:
    assert split(text, "eng_Latn").sentences == sentences


def test_white_space_stays_except_between_chinese_sentences() -> None:
    segments = split(" One.  Two.\n\nThree. Four. ", "eng_Latn")
    assert segments.join(["1", "2", "3", "4"], "fra_Latn") == " 1  2\n\n3 4 "
    assert segments.join(["1", "2", "3", "4"], "zho_Hans") == " 12\n\n34 "


def test_a_translation_too_few_is_refused() -> None:
    with pytest.raises(ValueError, match="1 translations of 2 sentences"):
        split("One. Two.", "eng_Latn").join(["1"], "fra_Latn")
