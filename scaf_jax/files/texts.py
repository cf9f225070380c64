"""Which encoding a text file from outside has, by its byte order mark."""

import codecs

# The longer ones first: UTF-32's begins as UTF-16's does.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MARK = "\ufeff"


def encoding(start: bytes) -> str:
    """Returns the encoding of a text that begins with these bytes; UTF-8 without a mark."""
    return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")


def decode(data: bytes) -> str:
    """Returns a file's text without byte order marks, wherever joining files has left them.

    Raises:
      UnicodeDecodeError: It is no such text.
    """
    return data.decode(encoding(data)).replace(MARK, "")
