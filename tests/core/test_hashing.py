import pytest

from mlc_data.core.hashing import canonical_json, hash_rows, normalise, prompt_id


def test_an_id_depends_on_the_normalised_text_alone() -> None:
    assert prompt_id("How do I  bake\tbread?") == prompt_id("how do i bake bread?")
    assert prompt_id("Cafe\u0301") == prompt_id("Caf\u00e9")
    assert prompt_id("bread") != prompt_id("breads")
    assert len(prompt_id("bread")) == 16


def test_a_content_hash_forgets_the_order_but_not_the_number_of_rows() -> None:
    rows = [{"a": 1}, {"a": 2}]
    assert hash_rows(rows) == hash_rows(reversed(rows))
    assert hash_rows(rows) != hash_rows([*rows, {"a": 2}])
    assert hash_rows([]) != hash_rows([{}])


@pytest.mark.parametrize("text", ["", " \n", "\u00df SS", "\ud800"])
def test_any_text_can_be_hashed(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
    assert len(prompt_id(text)) == 16


def test_canonical_json_sorts_keys_and_keeps_letters() -> None:
    assert canonical_json({"b": "\u4f60", "a": [1]}) == '{"a":[1],"b":"\u4f60"}'
