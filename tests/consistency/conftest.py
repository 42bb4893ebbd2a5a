"""Fixtures of alignment: a tiny model and runs on written sets."""

from alignment_fixtures import llama, make_run, one_thread, tiny, tiny_for_all, tokenizer

__all__ = ["llama", "make_run", "one_thread", "tiny", "tiny_for_all", "tokenizer"]
