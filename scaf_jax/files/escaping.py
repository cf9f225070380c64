"""Making texts from outside, such as file names, harmless in tables, spreadsheets and terminals."""

import re
import unicodedata


def spreadsheet_text(text: str) -> str:
    """Returns the text with an apostrophe before it if a spreadsheet might run it as a formula.

    A text that starts with an apostrophe gets another, so taking one leading apostrophe away
    always gives the text back. Compatibility forms, such as the full-width equals sign, count.

    Example:
      >>> spreadsheet_text("=1+1")
      "'=1+1"
    """
    first = unicodedata.normalize("NFKC", text[:1])
    return f"'{text}" if first and first in "=+-@\t\r\n'" else text


def escape_markdown(text: str) -> str:
    """Returns the text on one line, with what Markdown or HTML would read in it escaped.

    An underscore inside a word stays as it is: Markdown reads nothing in it.
    """
    return re.sub(r"([\\`*\[\]<>|&~$]|(?<!\w)_|_(?!\w))", r"\\\1", printable(text))


def printable(text: str) -> str:
    """Returns the text with control and unprintable characters as backslash escapes."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )
