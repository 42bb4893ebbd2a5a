import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlc_data.errors import SourceError

SWIM, BAKE = "How do I swim?", "How do I bake bread?"
PAIR = (SWIM, "In water.", "No.")


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def shared(speaker: str, value: str) -> dict[str, str]:
    return {"from": speaker, "value": value}


USER, GOOD, BAD = said("user", SWIM), said("assistant", "In water."), said("assistant", "No.")
HUMAN = f"\n\nHuman: {SWIM}\n\nAssistant:"
LAYOUTS = {
    "TRL, explicit prompt": {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
    "TRL, implicit prompt": {"chosen": [USER, GOOD], "rejected": [USER, BAD]},
    "UltraFeedback": {"prompt": SWIM, "chosen": [USER, GOOD], "rejected": [USER, BAD],
                      "messages": [USER, GOOD], "score_chosen": 8.0},
    "a single turn": {"prompt": USER, "chosen": GOOD, "rejected": BAD},
    "a system turn": {"prompt": [said("system", "Be kind."), USER], "chosen": [GOOD], "rejected": [BAD]},
    "messages": {"messages": [USER, GOOD], "chosen": "In water.", "rejected": "No."},
    "ShareGPT": {"conversations": [shared("human", SWIM)], "chosen": shared("gpt", "In water."),
                 "rejected": shared("gpt", "No.")},
    "HH-RLHF": {"chosen": f"{HUMAN} In water.", "rejected": f"{HUMAN} No."},
    "HH-RLHF with a prompt": {"prompt": HUMAN, "chosen": " In water.", "rejected": " No."},
    "HH-RLHF without blank lines before": {"chosen": f"{HUMAN.lstrip()} In water.",
                                           "rejected": f"{HUMAN.lstrip()} No."},
    "HH-RLHF of Windows": {"chosen": f"{HUMAN} In water.".replace("\n", "\r\n"),
                           "rejected": f"{HUMAN} No.".replace("\n", "\r\n")},
    "a system prompt that is empty": {"prompt": [said("system", None), USER], "chosen": [GOOD], "rejected": [BAD]},
    "columns of a Sequence": {"prompt": {"role": ["user"], "content": [SWIM]},
                              "chosen": {"role": ["assistant"], "content": ["In water."]}, "rejected": "No."},
    "parts": {"prompt": [said("user", [{"type": "text", "text": SWIM}])], "chosen": [GOOD], "rejected": "No."},
    "another layout beside the conversations": {"conversation": [{"input": SWIM, "output": "In water."}],
                                                "chosen": [USER, GOOD], "rejected": [USER, BAD]},
    "OpenAI's preferences": {"prompt": {"messages": [USER], "tools": [], "parallel_tool_calls": True},
                             "chosen": [GOOD], "rejected": [BAD]},
    "no messages": {"prompt": None, "messages": [], "chosen": [USER, GOOD], "rejected": [USER, BAD]},
    "a broken index is no matter": {"prompt": SWIM, "chosen": "In water.", "rejected": "No.", "safer": "x"},
}  # fmt: skip


def stripped(pairs: list[tuple[str, str, str]]) -> list[tuple[str, ...]]:
    return [tuple(text.strip() for text in pair) for pair in pairs]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_give_the_prompt_and_the_pair(layout: str, read_file: Callable[..., Any]) -> None:
    read = read_file([LAYOUTS[layout]])
    assert read.prompts == [SWIM]
    assert stripped(read.pairs) == [PAIR]
    assert read.pair_counts == {"read": 1, "kept": 1, "rejected": {}}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_give_pairs_of_their_own_source(
    layout: str, read_file: Callable[..., Any], small: dict[str, Any], tmp_path: Any
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(LAYOUTS[layout]))
    small["sources"]["preferences"] = {"path": str(path)}
    assert stripped(read_file([{"prompt": BAKE}]).pairs) == [PAIR]


@pytest.mark.parametrize("write", [json.dumps, str])
def test_conversations_in_cells_of_a_table(
    write: Callable[[Any], str], read_file: Callable[..., Any]
) -> None:
    text = io.StringIO()
    cells = [write([USER]), write([USER, GOOD]), write([BAD])]
    csv.writer(text).writerows([["prompt", "chosen", "rejected"], cells])
    assert read_file(text.getvalue(), "p.csv").pairs == [PAIR]


def test_conversations_in_parquet(tmp_path: Any, read_file: Callable[..., Any]) -> None:
    table = pa.table(
        {"chosen": [[USER, GOOD]], "rejected": [[USER, BAD]], "messages": [[USER, GOOD]]}
    )
    pq.write_table(table, tmp_path / "p.parquet")
    assert read_file(None, "p.parquet").pairs == [PAIR]


def test_a_column_of_messages_can_be_named(read_file: Callable[..., Any]) -> None:
    read = read_file([{"dialogue": [USER, GOOD]}], columns={"prompt": "dialogue"})
    assert read.prompts == [SWIM]


def test_unpaired_rows_of_kto_give_prompts(read_file: Callable[..., Any]) -> None:
    rows = [
        {"prompt": [USER], "completion": [GOOD], "label": True},
        {"prompt": BAKE, "completion": "No.", "label": False},
    ]
    read = read_file(rows)
    assert read.prompts == [SWIM, BAKE]
    assert read.pair_counts == {"read": 2, "kept": 0, "rejected": {"unpaired": 2}}


def test_responses_go_on_from_what_a_prompt_ends_with(read_file: Callable[..., Any]) -> None:
    prompt = [USER, said("assistant", "Well,")]
    rows = [
        {"prompt": prompt, "chosen": [said("assistant", " in water.")], "rejected": " no."},
        {"prompt": prompt, "chosen": [USER, GOOD], "rejected": [USER, BAD]},
    ]
    assert [pair[1:] for pair in read_file(rows).pairs] == [
        ("Well, in water.", "Well, no."), ("In water.", "No."),
    ]  # fmt: skip


def test_plain_responses_that_begin_alike_are_no_prompt_beside_other_columns(
    read_file: Callable[..., Any],
) -> None:
    rows = [{"question": SWIM, "chosen": "I can not help.", "rejected": "I can help."}]
    with pytest.raises(SourceError, match="no column 'prompt'; it has: chosen, question, rejected"):
        read_file(rows)


def test_dialogues_in_a_prompt_stay_text(read_file: Callable[..., Any]) -> None:
    texts = ["User: How are you?\nAssistant: Well.\nUser: Go on", "What does Human: mean here?"]
    assert read_file([{"prompt": text} for text in texts]).prompts == texts


@pytest.mark.parametrize("label", [True, 1, "true", "1", 1.0, "desirable", "Good"])
def test_a_good_and_a_bad_completion_of_a_prompt_are_a_pair(
    label: Any, read_file: Callable[..., Any]
) -> None:
    rows = [
        {"prompt": SWIM, "completion": "No.", "label": False},
        {"prompt": SWIM.upper(), "completion": [USER, GOOD], "label": label},
        {"prompt": SWIM, "completion": "Never.", "label": "no"},
    ]
    read = read_file(rows)
    assert [pair[1:] for pair in read.pairs] == [("In water.", "No.")]
    assert read.pair_counts == {"read": 2, "kept": 1, "rejected": {"unpaired": 1}}


@pytest.mark.parametrize(
    ("completion", "label", "reason"),
    [(4, True, "not_a_string"), ("Yes.", "perhaps", "malformed"), (" ", True, "empty")],
)
def test_a_completion_that_cannot_be_used_costs_no_prompt(
    completion: Any, label: Any, reason: str, read_file: Callable[..., Any]
) -> None:
    read = read_file([{"prompt": SWIM, "completion": completion, "label": label}])
    assert read.prompts == [SWIM]
    assert read.pair_counts == {"read": 1, "kept": 0, "rejected": {reason: 1}}


SEVERAL = [USER, GOOD, said("user", "And then?")]


@pytest.mark.parametrize(
    ("row", "context"),
    [
        ({"prompt": SEVERAL}, [USER, GOOD]),
        ({"prompt": [said("system", ""), *SEVERAL]}, [USER, GOOD]),
        ({"messages": [*SEVERAL, BAD]}, [USER, GOOD]),
        ({"chosen": [*SEVERAL, GOOD], "rejected": [*SEVERAL, BAD]}, [USER, GOOD]),
        ({"prompt": "And then?", "chosen": [*SEVERAL, GOOD], "rejected": "No."}, [USER, GOOD]),
        ({"prompt": [GOOD, SEVERAL[-1]]}, [GOOD]),
        ({"prompt": f"{HUMAN} In water.\n\nHuman: And then?\n\nAssistant:"}, [USER, GOOD]),
        ({"prompt": [said("developer", "Be kind."), SEVERAL[-1]]}, [said("system", "Be kind.")]),
    ],
)
def test_the_prompt_is_the_last_turn_of_the_user(
    row: dict[str, Any], context: list[Any], read_file: Callable[..., Any]
) -> None:
    read = read_file([row])
    assert read.prompts == ["And then?"]
    assert read.column("prompts.parquet", "context") == [context]


def test_the_same_turn_after_others_is_another_prompt(read_file: Callable[..., Any]) -> None:
    rows = [{"prompt": "And then?"}, {"prompt": SEVERAL}, {"prompt": SEVERAL}]
    rows.append({"prompt": [USER, BAD, SEVERAL[-1]]})
    read = read_file(rows)
    assert read.prompt_counts == {"read": 4, "kept": 3, "rejected": {"duplicate": 1}}
    assert len(set(read.column("prompts.parquet", "prompt_id"))) == 3


def test_conversations_that_part_early_share_what_they_begin_with(
    read_file: Callable[..., Any],
) -> None:
    chosen = f"{HUMAN} In water.\n\nHuman: And then?\n\nAssistant: Out."
    read = read_file([{"chosen": chosen, "rejected": f"{HUMAN} No."}])
    assert read.prompts == [SWIM]
    assert read.pair_counts == {"read": 1, "kept": 0, "rejected": {"several_turns": 1}}


def test_a_turn_that_is_too_long_costs_the_prompt(read_file: Callable[..., Any]) -> None:
    read = read_file([{"prompt": [said("user", "long " * 900), *SEVERAL]}, {"prompt": BAKE}])
    assert read.prompt_counts["rejected"] == {"too_long": 1}


@pytest.mark.parametrize(
    ("chosen", "reason"),
    [
        (17, "not_a_string"),
        (True, "not_a_string"),
        (["a", "list"], "not_a_string"),
        ({"text": "a dictionary"}, "not_a_string"),
        ([said("assistant", 3)], "not_a_string"),
        ([said("assistant", [{"type": "image"}])], "not_a_string"),
        ([said("tool", "42")], "malformed"),
        ([said("user", "Another question?"), GOOD], "malformed"),
        ([*SEVERAL, GOOD], "several_turns"),
        ("nul \x00", "nul_bytes"),
        ("\ud800", "not_unicode"),
        ("  \n", "empty"),
        ("", "empty"),
        ("\u200b", "empty"),
        ([said("assistant", " ")], "empty"),
        (None, "missing"),
        (float("nan"), "missing"),
        ([], "missing"),
        ([USER], "missing"),
        ("no. ", "same_responses"),
        ("n\u200bo.", "same_responses"),
    ],
)
def test_a_response_that_cannot_be_used_costs_the_pair_alone(
    chosen: Any, reason: str, read_file: Callable[..., Any]
) -> None:
    rows = [{"prompt": SWIM, "chosen": chosen, "rejected": "No."},
            {"prompt": BAKE, "chosen": "Yes.", "rejected": "No."}]  # fmt: skip
    read = read_file(rows)
    assert read.prompt_counts == {"read": 2, "kept": 2, "rejected": {}}
    assert read.pair_counts == {"read": 2, "kept": 1, "rejected": {reason: 1}}
    assert read.column("rejected/preferences.parquet", "row") == [1]


@pytest.mark.parametrize("empty", [None, float("nan")])
def test_a_prompt_without_responses_is_no_pair(empty: Any, read_file: Callable[..., Any]) -> None:
    read = read_file([{"prompt": SWIM, "chosen": empty, "rejected": empty}, {"prompt": BAKE}])
    assert read.pair_counts == {"read": 0, "kept": 0, "rejected": {}}


def test_text_that_looks_like_a_list_is_a_prompt(read_file: Callable[..., Any]) -> None:
    texts = ["[{not closed: how do I mend it?", "Human: is that a word?", '[{"a": 1}] is what?']
    assert read_file([{"prompt": text} for text in texts]).prompts == texts


CALL = {"role": "assistant", "content": None, "tool_calls": [{"type": "function"}]}
REPLIES = {
    "a call of a tool": [CALL, said("tool", "5"), GOOD],
    "a function": [said("function", "5")],
    "an unknown speaker": [said("clippy", "Hello!")],
    "an image": [said("assistant", [{"type": "image"}])],
}


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("column", ["messages", "dialogue"])
def test_a_reply_of_any_kind_costs_no_prompt(
    column: str, reply: str, read_file: Callable[..., Any]
) -> None:
    named = {} if column == "messages" else {"columns": {"prompt": column}}
    read = read_file([{column: [said("system", "Be kind."), USER, *REPLIES[reply]]}], **named)
    assert read.prompts == [SWIM]
    assert read.column("prompts.parquet", "context") == [[said("system", "Be kind.")]]


@pytest.mark.parametrize("reply", REPLIES)
def test_in_an_implicit_prompt_it_costs_the_pair(reply: str, read_file: Callable[..., Any]) -> None:
    turns = [USER, *REPLIES[reply]]
    read = read_file([{"chosen": turns, "rejected": turns}])
    assert read.prompts == [SWIM]
    assert read.pair_counts["kept"] == 0
    assert read.pair_counts["read"] == 1


def test_the_turns_before_a_prompt_are_taken_from_a_response_that_is_no_text(
    read_file: Callable[..., Any],
) -> None:
    chosen = [said("system", "Be kind."), USER, *REPLIES["a call of a tool"]]
    read = read_file([{"prompt": SWIM, "chosen": chosen, "rejected": "No."}])
    assert read.column("prompts.parquet", "context") == [[said("system", "Be kind.")]]


def test_a_call_before_the_prompt_costs_the_row(read_file: Callable[..., Any]) -> None:
    rows = [{"messages": [USER, CALL, said("tool", "5"), GOOD, said("user", BAKE)]}]
    with pytest.raises(SourceError, match="not_a_string"):
        read_file(rows)
