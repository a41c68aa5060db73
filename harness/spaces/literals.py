"""Literals of Python in texts that people give: tuples, lists, dictionaries, read within limits, never executed."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from harness.errors import HarnessError, must

MAX_LENGTH = 2**16
"""Characters; the longest published form has some thousand."""
_DEPTH = 12
_DIGITS = re.compile(r"\d{20}")


def tree(text: str, rule: str) -> ast.expr:
    """Return the expression that a text is.

    Parameters
    ----------
    text : str
    rule : str
        What the text must be, for errors.

    Raises
    ------
    HarnessError
        If it is none, or longer, deeper or of larger numbers than any that is meant.
    """
    _check_limits(text, rule)
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise HarnessError(must("architecture", rule, text)) from error


def literal(text: str, rule: str) -> Any:
    """Return the tuple, list, dictionary, number or text that a text is; raises HarnessError as `tree` does."""
    return value(tree(text, rule), text, rule)


def value(node: ast.expr, text: str, rule: str) -> Any:
    """Return the value of an expression without names and calls; raises HarnessError for any other."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise HarnessError(must("architecture", rule, text)) from error


def data(text: str, rule: str) -> Any:
    """Return what a text says as JSON, or as Python writes it; raises HarnessError as `tree` does."""
    _check_limits(text, rule)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return literal(text, rule)


def _check_limits(text: str, rule: str) -> None:
    depth = deepest = 0
    for letter in text[:MAX_LENGTH]:
        depth += (letter in "([{") - (letter in ")]}")
        deepest = max(deepest, depth)
    if len(text) > MAX_LENGTH or deepest > _DEPTH or _DIGITS.search(text):
        raise HarnessError(must("architecture", rule, text[:200]))
