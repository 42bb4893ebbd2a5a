"""What stays as it is, and what only looks like it."""

from __future__ import annotations

import polars as pl
import pytest

from mlc_data.text.kept import kept
from mlc_data.text.spans import only_spans, soft_spans, spans, without_spans

PLACEHOLDERS = [
    "{name}", "{{ user.name }}", "{0}", "{:.2f}", "${HOME}", "#{name}", "{first name}", "{% if x %}", "%1$s", "%.2f",
    "%(name)s", "%d", "%@", "%PATH%", "%Y-%m-%d", "$HOME", "$user_id", "<name>", "<user_name>", "<<SYS>>", "<|im_end|>",
    "[NAME]", "[ORDER_ID]", "[INST]", "[[wiki]]", "||name||", "*|FNAME|*", "%%NAME%%", "__init__", "____",
]  # fmt: skip
TECHNICAL = [
    "HTTPS://Example.org/a", "www.Site.org", "ftp://x.org/a", "mailto:a@b.org", "a@b.org", "example.com", "bit.ly/3xyz",
    "/etc/passwd", "~/notes", "./run.sh", "C:\\Users\\x", "\\\\server\\share", "report.pdf", "DATA.CSV", "my_var",
    "foo()", "std::vector", "--verbose", "`ls -la`", "``a b``", "```ls -la```", "v1.2.3", "192.168.0.1",
    "550e8400-e29b-41d4-a716-446655440000", "d41d8cd98f00b204e9800998ecf8427e", "0x1F", "CVE-2021-44228",
    "sk-abcDEF1234567890abcdEFGH", "2024-01-01T00:00:00Z", "00:1A:2B:3C:4D:5E", "$x^2+1$", "$$E=mc^2$$", "\\(x+y\\)",
    "\\frac{a}{b}", "<b>", "<br/>", '<a href="x">', "<!-- note -->", "&nbsp;", '{"a": 1}', "[^1]", "@jane_doe",
    "#MeToo", "#ff0000", "😀", "🇩🇪", "👨‍👩‍👧", ":smile:",
]  # fmt: skip


@pytest.mark.parametrize("span", PLACEHOLDERS + TECHNICAL)
def test_a_span_within_a_sentence_is_found_whole(span: str) -> None:
    assert spans(f"Please look at {span} and tell me more.") == [span]


@pytest.mark.parametrize("span", PLACEHOLDERS + TECHNICAL)
def test_its_loss_is_noticed(span: str) -> None:
    source = f"Please look at {span} and tell me more."
    assert kept(source, f"Por favor mira {span} y dime más.").complete
    assert not kept(source, "Por favor mira y dime más.").complete


@pytest.mark.parametrize(
    "text",
    [
        "[WARNING] Do not open it.", "[SCENE] A dark room.", "Is x <y and y> z?", "Earn $USD fast", "Make $MONEY now",
        "{sad} I lost my dog.", "I am home.info please", "his /her book", "and/or", "50% of a < b", "100% sure",
        "I paid $5 and $10", "from $5-$10", "25.12.2024", "1.234.567 people", "the #1 fan", "C# code", "he's @ 5",
        "Mr.Smith is here", "a < b > c", "w/o sugar", "rock & roll", "24/7", "well-known", "10/20/2024", "D.C. is hot",
        "I (really) do", "the facade was effaced", "if a<b then c>d", "ok:) yes", "7:30:15", "Hello(world)", "Yes.Go on",
    ],
)  # fmt: skip
def test_language_is_no_span(text: str) -> None:
    assert spans(text) == []


@pytest.mark.parametrize(
    "words", ["[Your Name]", "[WARNING]", "{sad}", "<your name>", "[insert date here]"]
)
def test_words_in_brackets_may_be_translated_but_not_vanish(words: str) -> None:
    source = f"{words} Please write to me."
    assert soft_spans(source) == [words]
    assert kept(source, f"{words[0]}palabras{words[-1]} Escríbeme.").complete
    assert kept(source, "【词】请给我写信。").complete
    assert not kept(source, "Escríbeme.").complete


def test_marks_of_strong_text_that_are_halved_are_noticed() -> None:
    assert not kept("**Stop.** Go.", "Para.** Ve.").complete
    assert kept("**Stop.** Go.", "**Para.** Ve.").complete


def test_case_matters_in_placeholders_alone() -> None:
    assert kept("see Example.com", "ona example.com").complete
    assert not kept("Dear {Name}", "Bwana {name}").complete


def test_a_decoded_entity_is_there() -> None:
    assert kept("a &lt; b", "a < b").complete


def test_without_spans_blanks_them_and_leaves_the_column_alone() -> None:
    texts = pl.Series(["see https://a.example now", "no span"])
    assert without_spans(texts).to_list() == ["see   now", "no span"]
    assert texts.to_list() == ["see https://a.example now", "no span"]


@pytest.mark.parametrize(
    ("text", "alone"), [("{name}", True), ("`ls` - 42", True), ("$x^2$.", True), ("{name} swims", False), ("", True)]
)  # fmt: skip
def test_only_spans(text: str, alone: bool) -> None:
    assert only_spans(text) == alone
