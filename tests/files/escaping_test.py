"""Tests of making texts from outside harmless."""

from scaf_jax.files import escaping


def test_spreadsheet_texts_can_be_taken_back():
    for text in ["", "plain", "=1", "'=1", "-", "a=1", "\t=1"]:
        safe = escaping.spreadsheet_text(text)
        assert safe[:1] not in {"=", "-", "+", "@", "\t"}
        assert (safe[1:] if safe.startswith("'") else safe) == text
