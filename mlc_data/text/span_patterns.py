"""Patterns of what a translation keeps as it is: addresses, placeholders, markup, code, emoji.

One list for texts by programs and by people. Each pattern has a kind; a kind whose matches may be language
(`{sad}`, `$MONEY`, `<y and y>`, `[WARNING]`) has a judge that reads the match in its context.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

Judge = Callable[[re.Match[str]], bool]

_WORDS: Final[dict[str, list[str]]] = json.loads(
    (Path(__file__).parent / "data" / "span_words.json").read_text("utf-8")
)
_VARIABLES: Final = frozenset(_WORDS["variables"])
_EMOTIONS: Final = frozenset(_WORDS["emotions"])
_ENVIRONMENT: Final = frozenset(_WORDS["environment"])
_ROOTS: Final = frozenset(_WORDS["roots"])
_TAGS: Final = frozenset(_WORDS["tags"])
_EXTENSIONS: Final = "|".join(_WORDS["extensions"])
_ENGLISH_IN_MATHS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{4,}")
_MATHS = re.compile(r"[\\^_={}+*/<>|()-]|^[A-Za-z]{1,2}$")
_IDENTIFIER = re.compile(r"[A-Za-z_][\w.:-]*\Z", re.ASCII)
_ATTRIBUTE = re.compile(r"""\s[\w:-]+\s*=\s*["'\w]|/\s*>\Z""", re.ASCII)
_SHAPED = re.compile(r"[_.\d]|[a-z][A-Z]|:|!|\[")

EMOJI = (
    "(?:[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\ufe0f?\u20e3"
    "|(?:[\U0001f300-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u231a-\u23ff\u203c\u2049\u3030\u303d]"
    "[\ufe0f\U0001f3fb-\U0001f3ff]*(?:\u200d[\U0001f300-\U0001faff\u2600-\u27bf\u2640\u2642]"
    "[\ufe0f\U0001f3fb-\U0001f3ff]*)*))"
)


def _braces(match: re.Match[str]) -> bool:
    """`{name}` and `{user_id}` are placeholders, `{sad}` before a sentence is a remark."""
    inner = match[0].lstrip("$#@").strip("{} ")
    if match[0][0] in "$#@" or not inner or _SHAPED.search(inner):
        return True
    words = inner.lower().split()
    if len(words) > 1:
        return words[0] in _VARIABLES and words[-1] in _VARIABLES
    if words[0] in _VARIABLES or words[0] in _EMOTIONS:
        return words[0] in _VARIABLES
    return not _aside(match)


def _aside(match: re.Match[str]) -> bool:
    """Return whether a bracket stands between sentences and not within one."""
    before, after = match.string[: match.start()].rstrip(), match.string[match.end() :].lstrip()
    opens = not before or before[-1] in ".!?:\n"
    return (opens and (not after or after[0].isupper())) or (
        bool(before) and before[-1] in ".!?" and not after
    )


def _angles(match: re.Match[str]) -> bool:
    """`<b>` and `<user_name>` are markup and placeholders, `<y and y>` is a comparison."""
    inner = match[0].strip("<>/ ")
    name = re.split(r"[\s/]", inner, maxsplit=1)[0].lower()
    if name in _TAGS and (name == inner.lower() or _ATTRIBUTE.search(match[0])):
        return True
    if _ATTRIBUTE.search(match[0]) or (match[0][1] == "/" and " " not in inner):
        return True
    return _IDENTIFIER.match(inner) is not None and not _comparison(match)


def _comparison(match: re.Match[str]) -> bool:
    before = match.string[: match.start()]
    return bool(re.search(r"[\w)]\Z", before)) and len(match[0]) <= 3


def _square(match: re.Match[str]) -> bool:
    """`[NAME]` and `[INST]` are placeholders; `[WARNING]` and `[Your Name]` may be translated."""
    inner = match[0].strip("[]/ ")
    return "_" in inner or any(c.isdigit() for c in inner) or inner.lower() in _VARIABLES


def _dollar(match: re.Match[str]) -> bool:
    """`$HOME` and `$user_id` are variables, `$MONEY` and `$USD` are not."""
    name = match[0][1:]
    if "/" in name or name[0] == "(":
        return True
    after = match.string[match.end() : match.end() + 1]
    if "_" in name.strip("_") or name in _ENVIRONMENT or (after and after in "/=["):
        return True
    return name.islower() and name in _VARIABLES


def _maths(match: re.Match[str]) -> bool:
    """`$x^2+1$` is a formula, the dollars of `$5 or 6$` are not."""
    inner = match[0].strip("$ ")
    return bool(_MATHS.search(inner)) and not _ENGLISH_IN_MATHS.search(inner)


def _path(match: re.Match[str]) -> bool:
    """`/etc/passwd` and `/help` at the start are paths and commands, `his /her` is not."""
    parts = match[0].strip("/").split("/")
    if len(parts) > 1 or match[0][0] in "~." or "." in parts[0] or match[0].endswith("/"):
        return True
    return parts[0].lower() in _ROOTS or not match.string[: match.start()].strip()


def _version(match: re.Match[str]) -> bool:
    """`1.2.3` is a version, `1.234.567` a number, `25.12.2024` a date."""
    groups = match[0].lstrip("vV").split(".")
    if match[0][0] in "vV":
        return True
    return len(groups[-1]) < 4 and not all(len(group) == 3 for group in groups[1:])


def _secret(match: re.Match[str]) -> bool:
    """A long run of letters and digits is a key where it has capitals, small letters and digits."""
    text = match[0]
    return all(any(test(c) for c in text) for test in (str.isdigit, str.isupper, str.islower))


@dataclass(frozen=True)
class _Kind:
    """Pattern of one kind of span.

    Attributes:
        name: the kind.
        needs: texts without any of these have no match, which spares the search.
        pattern: the expression.
        judge: reads a match in its context; None where every match is a span.
    """

    name: str
    needs: tuple[str, ...]
    pattern: re.Pattern[str]
    judge: Judge | None = None


def _kind(name: str, needs: str, pattern: str, judge: Judge | None = None) -> _Kind:
    return _Kind(name, tuple(needs.split(" ")), re.compile(pattern, re.ASCII), judge)


def _has_letter_group(match: re.Match[str]) -> bool:
    return re.search(r"[a-fA-F]|::", match[0]) is not None


def _called(match: re.Match[str]) -> bool:
    """`foo()`, `os.remove(x)` and `say("a")` are calls, `world(s)` is not."""
    return match[0].endswith("()") or "." in match[0] or match[0][-2] in "\"'"


# In order: of two kinds that begin at the same place, the first counts.
_KINDS: Final = (
    _kind("code", "`", r"```[^`\r\n]+```|``[^`\r\n]+``(?!`)|(?<!`)`[^`\r\n]{1,200}`(?!`)"),
    _kind("url", ":// www. WWW. Www.", r"(?i:(?:https?|ftps?|sftp|ssh|git|s3|file|wss?|data)://|www\.)[!-~]*[A-Za-z0-9_/=&#~-]"),
    _kind("url", ":", r"(?<!\w)(?i:mailto|tel|magnet):[!-~]*[A-Za-z0-9_/=-]"),
    _kind("mail", "@", r"[A-Za-z0-9_.+-]+@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+"),
    _kind("token", "<| <｜", r"<｜[^｜<>\r\n]{1,60}｜>|<\|[^|<>\r\n]{1,60}\|>(?:(?:system|user|assistant|tool)(?=\s|$))?"),
    _kind("token", "<< [", r"<</?[A-Z_a-z]{1,30}>>|\[/?(?:INST|SYS|CLS|SEP|MASK|PAD|UNK|BOS|EOS)\]"),
    _kind("markup", "<! <? <%", r"<!--.{0,400}?-->|<!(?:DOCTYPE|doctype)[^<>]{0,100}>|<\?.{0,200}?\?>|<%.{0,200}?%>"),
    _kind("maths", "$$ \\( \\[", r"\$\$[^$\r\n]{1,400}\$\$|\\\(.{1,300}?\\\)|\\\[.{1,300}?\\\]"),
    _kind("maths", "\\begin", r"\\begin\{[a-z*]+\}.{0,400}?\\end\{[a-z*]+\}"),
    _kind("maths", "$", r"(?<![\\$\w])\$(?=[^\s$])[^$\r\n]{0,200}?(?<=[^\s$\\])\$(?![\d\w$])", _maths),
    _kind("path", "\\ :/", r"(?<![\w])[A-Za-z]:\\(?:[^\s<>\"|?*:`',;]*[\w\\])?|(?<!\w)[A-Z]:/[\w./-]*\w|\\\\[\w.$-]+(?:\\[\w.$-]+)+"),
    _kind("path", "HK", r"(?<!\w)HK(?:LM|CU|CR|EY_[A-Z_]+)(?:\\[\w.-]+)+"),
    _kind("escape", "\\", r"\\[a-zA-Z]{2,}(?:\s?\{[^{}\r\n]{0,100}\})*|\\[nrt](?![A-Za-z])|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}"),
    _kind("json", "{", r"\{\s*\"[^{}\r\n]{1,300}\}"),
    _kind("braces", "{{ {% {#", r"\{\{\{?[^{}\r\n]{0,80}\}?\}\}|\{%[^{}\r\n]{0,120}%\}|\{#[^{}\r\n]{0,80}#\}"),
    _kind("braces", "{", r"[$#@]?\{[$A-Za-z0-9_.:!\[\]'<>=^+| -]{0,80}\}", _braces),
    _kind("double", "[[ (( || @@", r"\[\[[^\[\]\r\n]{1,80}\]\]|\(\([A-Za-z_][\w ]{0,40}\)\)|\|\|\w{1,40}\|\||@@\w{1,40}@@"),
    _kind("double", "%% ## $$ *| __", r"%%\w{1,40}%%|##\w{1,40}##|\$\$\w{1,40}\$\$|\*\|\w{1,40}\|\*|__[A-Za-z]\w{0,40}?__"),
    _kind("printf", "%(", r"%\([A-Za-z0-9_]+\)[#0 +-]?\d*(?:\.\d+)?[sdifrxgeu]"),
    _kind("printf", "%", r"(?<![\d%\w])%(?:\d+\$)?[#0+-]?(?:\d+|\*)?(?:\.\d+)?(?:hh|h|ll|l|z|j)?[sdifrxXgGeEuco@](?![A-Za-z])"),
    _kind("printf", "%", r"(?<![\w%])%[YmdHMSBbAajyIpzZ](?:[-/:. ]?%[YmdHMSBbAajyIpzZ])+"),
    _kind("printf", "%", r"(?<!\w)%[A-Za-z_][A-Za-z0-9_]*%"),
    _kind("markup", "<", r"</?[A-Za-z][^<>\r\n]{0,200}>", _angles),
    _kind("entity", "&", r"&(?:[a-z]{2,8}|#\d{1,6}|#x[0-9a-fA-F]{1,5});"),
    _kind("link", "]( [^ [x] [X] [\u0020]", r"!?(?<=\])\([^()\s]{1,300}(?:\s\"[^\"\r\n]*\")?\)|\[\^[\w-]{1,20}\]|\[[ xX]\](?= )"),
    _kind("square", "[", r"(?<![\w\]])\[/?[A-Za-z][A-Za-z0-9_ -]{0,40}\](?![(\[])", _square),
    _kind("dollar", "$", r"(?<![\w$])\$(?:[A-Za-z_][A-Za-z0-9_]*(?:/[\w.-]*\w)*|\([a-z][^()\r\n]{0,80}\))", _dollar),
    _kind("uuid", "-", r"(?<![\w-])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![\w-])"),
    _kind("hash", "", r"(?<!\w)(?:0x[0-9a-fA-F]+|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,64}|(?=[A-F]*\d)(?=\d*[A-F])[0-9A-F]{16,64})(?!\w)"),
    _kind("secret", "eyJ AKIA", r"(?<!\w)(?:eyJ[\w-]{8,}(?:\.[\w-]+){1,2}|AKIA[0-9A-Z]{12,})(?!\w)"),
    _kind("secret", "", r"(?<![\w/+])(?:[a-z]{2,6}[-_])?[A-Za-z0-9+/_]{20,}={0,2}(?![\w/+])", _secret),
    _kind("address", ": - .", r"(?<![\w:])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![\w:])|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2}|:\d{2,5})?(?![\w.]*\d)"),
    _kind("address", ":", r"(?<![\w:])(?:(?:[0-9a-fA-F]{1,4}:){2,7}:?|[0-9a-fA-F]{1,4}::)[0-9a-fA-F]{1,4}(?:/\d+)?(?![\w:])|(?<!\w)localhost:\d{2,5}(?:/[!-~]*[\w/])?", _has_letter_group),
    _kind("identifier", "CVE- 10. arXiv:", r"(?<!\w)(?:CVE-\d{4}-\d{4,7}|(?:doi:)?10\.\d{4,9}/[!-~]*[\w)]|arXiv:\d{4}\.\d{4,5}(?:v\d+)?)"),
    _kind("time", ":", r"(?<!\w)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?(?!\w)"),
    _kind("path", "/", r"(?<![\w/.:<>)\]*~-])(?:~|\.{1,2})?/(?:[\w.+@%-]+/)*[\w.+@%-]*[\w]/?(?!\w)", _path),
    _kind("file", ".", rf"(?<![\w/.@-])(?:[\w-]+(?:\.[\w-]+)*\.(?:{_EXTENSIONS}|{_EXTENSIONS.upper()})|[\w-]{{2,}}\.[ch])(?![\w-]|\.\w)"),
    _kind("file", ".", r"(?<!\S)\.(?:env|gitignore|bashrc|zshrc|htaccess|dockerignore|npmrc|vimrc)(?!\w)"),
    _kind("domain", ".", r"(?<![\w@.-])(?:[A-Za-z0-9-]+\.)+(?:com|org|net|edu|gov|io|co\.[a-z]{2}|(?:[a-z]{2}|info|app|dev)(?=/[\w]))(?![\w])(?:/[!-~]*[A-Za-z0-9_/=&#~-]|[?#][!-~]*[A-Za-z0-9_/=&#~-])?"),
    _kind("version", ".", r"(?<![\w.])[vV]\d+(?:\.\d+)+(?:[-+][\w.]*\w)?(?!\w)|(?<![\w.])\d{1,3}(?:\.\d{1,4}){2,}(?:[-+][\w.]*\w)?(?![\w.]*\d)", _version),
    _kind("mention", "@", r"(?<![\w.@/])@[A-Za-z0-9_](?:[\w.-]*\w)(?:/[\w-]+)?"),
    _kind("hashtag", "#", r"(?<![\w&#/])#(?=\w*[A-Za-z])\w{2,}"),
    _kind("flag", "--", r"(?<!\S)--[a-zA-Z][\w-]+(?:=[^\s,;]+)?"),
    _kind("call", "(", r"(?<![\w.])[A-Za-z_]\w*(?:(?:\.|->|::)[A-Za-z_]\w*)*\((?:[\"'\w., =]{0,40}[\"'\d])?\)", _called),
    _kind("name", "_", r"(?<![\w-])[A-Za-z]\w{0,40}(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])\w{0,40}[A-Za-z0-9](?!\w)"),
    _kind("name", ".", r"(?<![\w.@/-])[a-z]\w+(?:\.[a-z_]\w+){2,}(?![\w-]|\.\w)"),
    _kind("name", ":: ->", r"(?<![\w.])[A-Za-z_]\w*(?:(?:::|->)[A-Za-z_]\w*)+"),
    _kind("blank", "___", r"_{3,}"),
    _kind("emoji", ":", r"(?<![\w:]):[a-z][a-z0-9_+-]{1,30}:(?![\w:])"),
    _kind("emoji", "", EMOJI),
)  # fmt: skip
_MAY_BE_EMOJI = (
    "[\u203c\u2049\u20e3\u231a-\u23ff\u2600-\u27bf\u2b00-\u2bff\u3030\u303d\U0001f000-\U0001faff]"
)
# Something of this is in every span; most texts have nothing of it and are not searched further.
_HINTS: Final = (
    r"[@{<\[%`$#\\_&|~]",
    _MAY_BE_EMOJI,
    r"\.[A-Za-z0-9]",
    r"[/:][A-Za-z0-9/:]",
    r"\(['\"\w]*[\"'\d)]",
)
_MARKS: Final = ("--", "->", "CVE-", "0x", "AKIA", "eyJ")
_LONG: Final = r"[0-9a-fA-F]{7}|[A-Za-z0-9+/]{20}"
HINT: Final = "|".join((*_HINTS, *_MARKS, _LONG))
"""Expression for polars that every text with a span matches."""
_DIGIT = re.compile(r"\d", re.ASCII)
_COMPILED_LONG = re.compile(_LONG, re.ASCII)
_COMPILED_HINTS = tuple(re.compile(hint, re.ASCII) for hint in _HINTS)

MARKUP_KINDS: Final = frozenset({"token", "markup", "emoji"})
"""Kinds that frame a sentence and are no part of its grammar."""

_SOFT = re.compile(
    r"(?<![\w\])])\[(?=[^\[\]]*[A-Za-z])[^\[\]\r\n]{2,60}\](?!\()"
    r"|\{[A-Za-z][A-Za-z' -]{1,60}\}"
    r"|<[A-Z][A-Za-z']+(?: [A-Z][A-Za-z']+){1,3}>"
    r"|<(?=(?i:your|my|the|insert|enter|add|name|his|her)\b)[A-Za-z][A-Za-z' -]{1,60}>"
)


@lru_cache(maxsize=8192)
def find(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return start, end and kind of each span of a text that must stay as it is, in order."""
    if not _may_have_spans(text):
        return ()
    all_found = sorted(
        (match.start(), order, match.end(), kind.name)
        for order, kind in enumerate(_KINDS)
        if any(need in text for need in kind.needs)
        for match in _matches(kind, text)
    )
    found, place = list[tuple[int, int, str]](), 0
    for start, _, end, name in all_found:
        if start >= place:
            found.append((start, end, name))
            place = end
    return tuple(found)


def _may_have_spans(text: str) -> bool:
    if any(hint.search(text) for hint in _COMPILED_HINTS) or any(mark in text for mark in _MARKS):
        return True
    return _DIGIT.search(text) is not None and _COMPILED_LONG.search(text) is not None


def _matches(kind: _Kind, text: str) -> Iterator[re.Match[str]]:
    place = 0
    while match := kind.pattern.search(text, place):
        if kind.judge is None or kind.judge(match):
            yield match
            place = max(match.end(), match.start() + 1)
        else:
            place = match.start() + 1


def find_soft(text: str) -> list[tuple[int, int]]:
    """Return start and end of words in brackets that may be translated, but must not vanish."""
    if "[" not in text and "{" not in text and "<" not in text:
        return []
    taken = [(start, end) for start, end, _ in find(text)]
    return [
        match.span()
        for match in _SOFT.finditer(text)
        if not any(start < match.end() and match.start() < end for start, end in taken)
    ]
