"""Patterns of what a translation keeps as it is: addresses, placeholders, markup, code, emoji.

One list for texts by programs and by people. Each pattern has a kind; a kind whose matches may be language
(`{sad}`, `$MONEY`, `<y and y>`, `[WARNING]`) has a judge that reads the match in its context.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

Judge = Callable[[re.Match[str]], bool]

VARIABLES: Final = frozenset(
    [
        "account",
        "action",
        "address",
        "adjective",
        "age",
        "agent",
        "amount",
        "animal",
        "answer",
        "api",
        "arg",
        "args",
        "artist",
        "assistant",
        "attachment",
        "author",
        "bank",
        "balance",
        "birthday",
        "body",
        "book",
        "bos",
        "brand",
        "budget",
        "business",
        "button",
        "category",
        "celebrity",
        "channel",
        "chapter",
        "character",
        "characters",
        "choice",
        "city",
        "class",
        "client",
        "code",
        "color",
        "colour",
        "column",
        "command",
        "comment",
        "company",
        "content",
        "context",
        "count",
        "country",
        "coupon",
        "course",
        "cta",
        "currency",
        "customer",
        "data",
        "date",
        "day",
        "days",
        "deadline",
        "delivery",
        "department",
        "description",
        "destination",
        "discount",
        "document",
        "documents",
        "domain",
        "duration",
        "email",
        "employee",
        "end",
        "entity",
        "eos",
        "error",
        "event",
        "example",
        "examples",
        "expiry",
        "fact",
        "field",
        "file",
        "filename",
        "first",
        "firstname",
        "firm",
        "fname",
        "food",
        "footer",
        "format",
        "friend",
        "from",
        "fullname",
        "gender",
        "genre",
        "greeting",
        "group",
        "hash",
        "header",
        "height",
        "history",
        "hobby",
        "host",
        "hotel",
        "hour",
        "hours",
        "html",
        "id",
        "ids",
        "image",
        "index",
        "industry",
        "info",
        "ingredient",
        "input",
        "inst",
        "instruction",
        "instructions",
        "intro",
        "invoice",
        "ip",
        "item",
        "items",
        "job",
        "json",
        "key",
        "keyword",
        "keywords",
        "label",
        "lang",
        "language",
        "last",
        "lastname",
        "length",
        "level",
        "line",
        "link",
        "list",
        "lname",
        "location",
        "login",
        "logo",
        "manager",
        "mask",
        "max",
        "meeting",
        "message",
        "min",
        "minutes",
        "mode",
        "model",
        "month",
        "movie",
        "my",
        "name",
        "names",
        "noun",
        "num",
        "number",
        "object",
        "option",
        "options",
        "order",
        "org",
        "organisation",
        "organization",
        "output",
        "pad",
        "page",
        "paragraph",
        "param",
        "parameter",
        "partner",
        "passage",
        "password",
        "path",
        "payment",
        "percent",
        "person",
        "persona",
        "phone",
        "pin",
        "place",
        "placeholder",
        "platform",
        "player",
        "port",
        "position",
        "post",
        "prefix",
        "price",
        "product",
        "profession",
        "profile",
        "project",
        "prompt",
        "property",
        "purpose",
        "quantity",
        "query",
        "question",
        "questions",
        "quote",
        "rank",
        "rating",
        "reason",
        "recipient",
        "reference",
        "region",
        "rest",
        "result",
        "role",
        "room",
        "row",
        "score",
        "section",
        "sender",
        "sentence",
        "sentences",
        "sep",
        "server",
        "service",
        "session",
        "sex",
        "size",
        "skill",
        "source",
        "start",
        "state",
        "status",
        "step",
        "store",
        "story",
        "street",
        "student",
        "style",
        "subject",
        "suffix",
        "sum",
        "summary",
        "surname",
        "sys",
        "system",
        "table",
        "tag",
        "tags",
        "target",
        "task",
        "teacher",
        "team",
        "template",
        "text",
        "theme",
        "time",
        "timestamp",
        "timezone",
        "title",
        "to",
        "token",
        "tone",
        "tool",
        "tools",
        "topic",
        "topics",
        "total",
        "type",
        "unit",
        "unk",
        "uri",
        "url",
        "user",
        "userid",
        "username",
        "users",
        "utterance",
        "value",
        "values",
        "variable",
        "venue",
        "verb",
        "version",
        "video",
        "weather",
        "website",
        "week",
        "weight",
        "width",
        "word",
        "words",
        "year",
        "zip",
        "zipcode",
        "cls",
        "bot",
        "human",
        "instance",
        "target_language",
        "x",
        "y",
        "z",
        "i",
        "j",
        "k",
        "n",
        "m",
        "a",
        "b",
        "c",
        "foo",
        "bar",
        "baz",
        "tbd",
        "todo",
        "redacted",
        "recipient_name",
    ]
)
_EMOTIONS: Final = frozenset(
    [
        "sad",
        "happy",
        "angry",
        "mad",
        "scared",
        "afraid",
        "excited",
        "nervous",
        "confused",
        "surprised",
        "shocked",
        "bored",
        "tired",
        "calm",
        "proud",
        "shy",
        "laugh",
        "laughs",
        "laughing",
        "laughter",
        "smile",
        "smiles",
        "smiling",
        "cry",
        "cries",
        "crying",
        "sob",
        "sobs",
        "sigh",
        "sighs",
        "sighing",
        "gasp",
        "gasps",
        "pause",
        "pauses",
        "silence",
        "whisper",
        "whispers",
        "whispering",
        "shout",
        "shouts",
        "shouting",
        "scream",
        "screams",
        "yell",
        "yells",
        "applause",
        "music",
        "cheerful",
        "cheers",
        "sarcasm",
        "sarcastic",
        "joking",
        "serious",
        "wink",
        "winks",
        "nod",
        "nods",
        "shrug",
        "shrugs",
        "blush",
        "blushes",
    ]
)
_ENVIRONMENT: Final = frozenset(
    [
        "HOME",
        "PATH",
        "USER",
        "USERNAME",
        "PWD",
        "OLDPWD",
        "SHELL",
        "LANG",
        "LANGUAGE",
        "TERM",
        "EDITOR",
        "PAGER",
        "DISPLAY",
        "HOSTNAME",
        "HOST",
        "LOGNAME",
        "MAIL",
        "TMP",
        "TMPDIR",
        "TEMP",
        "RANDOM",
        "UID",
        "EUID",
        "PPID",
        "IFS",
        "PS1",
        "LINENO",
        "CC",
        "CFLAGS",
        "LDFLAGS",
        "PYTHONPATH",
        "CLASSPATH",
        "GOPATH",
        "GOROOT",
        "APPDATA",
        "PROFILE",
        "VIRTUAL_ENV",
        "PREFIX",
        "DESTDIR",
        "VERSION",
        "NAME",
    ]
)
_ROOTS: Final = frozenset(
    [
        "etc",
        "usr",
        "var",
        "tmp",
        "home",
        "dev",
        "bin",
        "sbin",
        "opt",
        "root",
        "proc",
        "sys",
        "mnt",
        "media",
        "lib",
        "boot",
        "srv",
        "run",
        "api",
        "users",
        "data",
        "app",
    ]
)
_TAGS: Final = frozenset(
    [
        "a",
        "abbr",
        "address",
        "area",
        "article",
        "aside",
        "audio",
        "b",
        "base",
        "bdi",
        "bdo",
        "blockquote",
        "body",
        "br",
        "button",
        "canvas",
        "caption",
        "cite",
        "code",
        "col",
        "colgroup",
        "data",
        "datalist",
        "dd",
        "del",
        "details",
        "dfn",
        "dialog",
        "div",
        "dl",
        "dt",
        "em",
        "embed",
        "fieldset",
        "figcaption",
        "figure",
        "font",
        "footer",
        "form",
        "g",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "head",
        "header",
        "hr",
        "html",
        "i",
        "iframe",
        "img",
        "input",
        "ins",
        "kbd",
        "label",
        "legend",
        "li",
        "link",
        "main",
        "map",
        "mark",
        "menu",
        "meta",
        "meter",
        "nav",
        "noscript",
        "object",
        "ol",
        "optgroup",
        "option",
        "output",
        "p",
        "param",
        "path",
        "picture",
        "pre",
        "progress",
        "q",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "script",
        "section",
        "select",
        "slot",
        "small",
        "source",
        "span",
        "strike",
        "strong",
        "style",
        "sub",
        "summary",
        "sup",
        "svg",
        "table",
        "tbody",
        "td",
        "template",
        "textarea",
        "tfoot",
        "th",
        "thead",
        "time",
        "title",
        "tr",
        "track",
        "tt",
        "u",
        "ul",
        "var",
        "video",
        "wbr",
        "xml",
        "item",
        "items",
        "think",
        "thinking",
        "tool_call",
        "system",
        "user",
        "assistant",
        "context",
        "example",
        "instructions",
        "document",
        "query",
        "answer",
    ]
)
_ENGLISH_IN_MATHS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{4,}")
_MATHS = re.compile(r"[\\^_={}+*/<>|()-]|^[A-Za-z]{1,2}$")
_IDENTIFIER = re.compile(r"[A-Za-z_][\w.-]*\Z", re.ASCII)
_ATTRIBUTE = re.compile(r"""\s[\w:-]+\s*=\s*["'\w]|/\s*>\Z""", re.ASCII)
_SHAPED = re.compile(r"[_.\d]|[a-z][A-Z]|:|!|\[")

_EXTENSIONS = (
    "pdf|docx?|xlsx?|pptx?|odt|ods|csv|tsv|txt|md|rst|rtf|json|jsonl|xml|ya?ml|toml|ini|cfg|conf|log|sql|db|sqlite"
    "|py|ipynb|js|jsx|ts|tsx|java|c|cc|cpp|h|hpp|cs|go|rs|rb|php|pl|sh|bash|zsh|bat|ps1|exe|dll|msi|apk|dmg|iso|deb"
    "|rpm|jar|war|zip|tar|gz|tgz|bz2|xz|rar|7z|png|jpe?g|gif|svg|webp|bmp|ico|tiff?|mp3|mp4|wav|flac|ogg|avi|mkv|mov"
    "|webm|epub|mobi|html?|css|scss|lock|env|pem|crt|key|bak|tmp|dat|bin|parquet|onnx|gguf|safetensors|ckpt|pt|pth|npy"
)
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
        return words[0] in VARIABLES and words[-1] in VARIABLES
    if words[0] in VARIABLES or words[0] in _EMOTIONS:
        return words[0] in VARIABLES
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
    return "_" in inner or any(c.isdigit() for c in inner) or inner.lower() in VARIABLES


def _dollar(match: re.Match[str]) -> bool:
    """`$HOME` and `$user_id` are variables, `$MONEY` and `$USD` are not."""
    name = match[0][1:]
    after = match.string[match.end() : match.end() + 1]
    if "_" in name.strip("_") or name in _ENVIRONMENT or (after and after in "/=["):
        return True
    return name.islower() and name in VARIABLES


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


_PATTERNS: Final[tuple[tuple[str, str, Judge | None], ...]] = (
    ("code", r"```[^`\r\n]+```|``[^`\r\n]+``(?!`)|(?<!`)`[^`\r\n]{1,200}`(?!`)", None),
    ("url", r"(?i:(?:https?|ftps?|sftp|ssh|git|s3|file|wss?|magnet|data)://|www\.)[!-~]*[A-Za-z0-9_/=&#~-]", None),
    ("url", r"(?i:mailto|tel):[!-~]*[A-Za-z0-9_/=-]", None),
    ("mail", r"[A-Za-z0-9_.+-]+@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+", None),
    ("token", r"<\|[^|<>\r\n]{1,60}\|>(?:(?:system|user|assistant|tool)(?=\s|$))?", None),
    ("token", r"<</?[A-Z_a-z]{1,30}>>|\[/?(?:INST|SYS|CLS|SEP|MASK|PAD|UNK|BOS|EOS)\]", None),
    ("markup", r"<!--.{0,400}?-->|<!(?:DOCTYPE|doctype)[^<>]{0,100}>|<\?.{0,200}?\?>|<%.{0,200}?%>", None),
    ("maths", r"\$\$[^$\r\n]{1,400}\$\$|\\\(.{1,300}?\\\)|\\\[.{1,300}?\\\]", None),
    ("maths", r"\\begin\{[a-z*]+\}.{0,400}?\\end\{[a-z*]+\}", None),
    ("maths", r"(?<![\\$\w])\$(?=[^\s$])[^$\r\n]{0,200}?(?<=[^\s$\\])\$(?![\d\w$])", _maths),
    ("path", r"(?<![\w])[A-Za-z]:\\(?:[^\s<>\"|?*:`',;]*[\w\\])?|\\\\[\w.$-]+(?:\\[\w.$-]+)+", None),
    ("path", r"(?<!\w)HK(?:LM|CU|CR|EY_[A-Z_]+)(?:\\[\w.-]+)+", None),
    ("escape", r"\\[a-zA-Z]{2,}(?:\s?\{[^{}\r\n]{0,100}\})*|\\[nrt](?![A-Za-z])|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}", None),
    ("json", r"\{\s*\"[^{}\r\n]{1,300}\}", None),
    ("braces", r"\{\{\{?[^{}\r\n]{0,80}\}?\}\}|\{%[^{}\r\n]{0,120}%\}|\{#[^{}\r\n]{0,80}#\}", None),
    ("braces", r"[$#@]?\{[$A-Za-z0-9_.:!\[\]' -]{0,80}\}", _braces),
    ("double", r"\[\[[^\[\]\r\n]{1,80}\]\]|\(\([A-Za-z_][\w ]{0,40}\)\)|\|\|\w{1,40}\|\||@@\w{1,40}@@", None),
    ("double", r"%%\w{1,40}%%|##\w{1,40}##|\$\$\w{1,40}\$\$|\*\|\w{1,40}\|\*|__[A-Za-z]\w{0,40}?__", None),
    ("printf", r"%\([A-Za-z0-9_]+\)[#0 +-]?\d*(?:\.\d+)?[sdifrxgeu]", None),
    ("printf", r"(?<![\d%\w])%(?:\d+\$)?[#0+-]?(?:\d+|\*)?(?:\.\d+)?(?:hh|h|ll|l|z|j)?[sdifrxXgGeEuco@](?![A-Za-z])", None),
    ("printf", r"(?<![\w%])%[YmdHMSBbAajyIpzZ](?:[-/:. ]?%[YmdHMSBbAajyIpzZ])+", None),
    ("printf", r"(?<!\w)%[A-Za-z_][A-Za-z0-9_]*%", None),
    ("markup", r"</?[A-Za-z][^<>\r\n]{0,200}>", _angles),
    ("entity", r"&(?:[a-z]{2,8}|#\d{1,6}|#x[0-9a-fA-F]{1,5});", None),
    ("link", r"!?(?<=\])\([^()\s]{1,300}(?:\s\"[^\"\r\n]*\")?\)|\[\^[\w-]{1,20}\]|\[[ xX]\](?= )", None),
    ("square", r"(?<![\w\]])\[/?[A-Za-z][A-Za-z0-9_ -]{0,40}\](?!\()", _square),
    ("dollar", r"(?<![\w$])\$[A-Za-z_][A-Za-z0-9_]*", _dollar),
    ("uuid", r"(?<![\w-])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![\w-])", None),
    ("hash", r"(?<!\w)(?:0x[0-9a-fA-F]+|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,64}|(?=[A-F]*\d)(?=\d*[A-F])[0-9A-F]{16,64})(?!\w)", None),
    ("secret", r"(?<![\w/+])(?:[a-z]{2,6}[-_])?[A-Za-z0-9+/_]{20,}={0,2}(?![\w/+])", _secret),
    ("address", r"(?<![\w:])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![\w:])|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2}|:\d{2,5})?(?![\w.]*\d)", None),
    ("address", r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){2,7}:?[0-9a-fA-F]{1,4}(?:/\d+)?(?![\w:])", lambda m: bool(re.search("[a-fA-F]|::", m[0]))),
    ("identifier", r"(?<!\w)(?:CVE-\d{4}-\d{4,7}|(?:doi:)?10\.\d{4,9}/[!-~]*[\w)]|arXiv:\d{4}\.\d{4,5}(?:v\d+)?)", None),
    ("time", r"(?<!\w)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?(?!\w)", None),
    ("path", r"(?<![\w/.:<>)\]*~-])(?:~|\.{1,2})?/(?:[\w.+@%-]+/)*[\w.+@%-]*[\w]/?(?!\w)", _path),
    ("file", rf"(?<![\w/.@-])[\w-]+(?:\.[\w-]+)*\.(?i:{_EXTENSIONS})(?![\w-]|\.\w)|(?<!\S)\.(?:env|gitignore|bashrc|zshrc|htaccess|dockerignore|npmrc|vimrc)(?!\w)", None),
    ("domain", r"(?<![\w@.-])(?:[A-Za-z0-9-]+\.)+(?:com|org|net|edu|gov|io|co\.[a-z]{2}|(?:[a-z]{2}|info|app|dev)(?=/[\w]))(?![\w])(?:/[!-~]*[A-Za-z0-9_/=&#~-]|[?#][!-~]*[A-Za-z0-9_/=&#~-])?", None),
    ("version", r"(?<![\w.])[vV]\d+(?:\.\d+)+(?:[-+][\w.]*\w)?(?!\w)|(?<![\w.])\d{1,3}(?:\.\d{1,4}){2,}(?:[-+][\w.]*\w)?(?![\w.]*\d)", _version),
    ("mention", r"(?<![\w.@/])@[A-Za-z0-9_](?:[\w.-]*\w)?(?:/[\w-]+)?", lambda m: len(m[0]) > 2),
    ("hashtag", r"(?<![\w&#/])#(?=\w*[A-Za-z])\w{2,}", None),
    ("flag", r"(?<!\S)--[a-zA-Z][\w-]+(?:=[^\s,;]+)?", None),
    ("call", r"(?<![\w.])[A-Za-z_]\w*(?:(?:\.|->|::)[A-Za-z_]\w*)*\((?:[\"'\w., =]{0,40}[\"'\d])?\)", lambda m: m[0].endswith("()") or "." in m[0] or m[0][-2] in "\"'"),
    ("name", r"(?<![\w-])[A-Za-z]\w*(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])\w*[A-Za-z0-9](?!\w)", None),
    ("name", r"(?<![\w.])[A-Za-z_]\w*(?:(?:::|->)[A-Za-z_]\w*)+", None),
    ("blank", r"_{3,}", None),
    ("emoji", r"(?<![\w:]):[a-z][a-z0-9_+-]{1,30}:(?![\w:])", None),
    ("emoji", EMOJI, None),
)  # fmt: skip
_KINDS = tuple((kind, judge) for kind, _, judge in _PATTERNS)
_SPAN = re.compile(
    "|".join(f"(?P<p{index}>{pattern})" for index, (_, pattern, _) in enumerate(_PATTERNS)),
    re.ASCII,
)
# Needed by every span; most texts have nothing of it and are not searched further.
HINT: Final = (
    r"[@{<\[%`$#\\_&|~]|://|\.[A-Za-z0-9]|/\w|--\w|\w\(|[0-9A-Fa-f]{2}:|[A-Za-z0-9+/]{20}"
    r"|[0-9a-fA-F]{7}|0x|(?i:mailto|tel):|CVE-|->|::|:[a-z]"
    "|[\u203c\u2049\u20e3\u231a-\u23ff\u2600-\u27bf\u2b00-\u2bff\u3030\u303d\U0001f000-\U0001faff]"
)
_HINT = re.compile(HINT, re.ASCII)

MARKUP_KINDS: Final = frozenset({"token", "markup", "emoji"})
"""Kinds that frame a sentence and are no part of its grammar."""

_SOFT = re.compile(
    r"(?<![\w\])])\[(?=[^\[\]]*[A-Za-z])[^\[\]\r\n]{2,60}\](?!\()"
    r"|\{[A-Za-z][A-Za-z' -]{1,60}\}"
    r"|<(?=(?i:your|my|the|insert|enter|add|name|his|her)\b)[A-Za-z][A-Za-z' -]{1,60}>"
)


def find(text: str) -> list[tuple[int, int, str]]:
    """Return start, end and kind of each span of a text that must stay as it is, in order."""
    if not _HINT.search(text):
        return []
    found, place = [], 0
    while match := _SPAN.search(text, place):
        kind, judge = _KINDS[int((match.lastgroup or "p0")[1:])]
        if judge is None or judge(match):
            found.append((match.start(), match.end(), kind))
            place = max(match.end(), match.start() + 1)
        else:
            place = match.start() + 1
    return found


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
