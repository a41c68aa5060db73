"""Names as people write them: a registered name, PROVIDER:NAME, or a path; nothing else looks at their spelling."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from harness.errors import HarnessError, must

DISTRIBUTION = "nas-harness"
"""What this program is called where packages are installed."""
_LONGEST, _LONGEST_PART = 4096, 255
"""Characters of a path, and bytes of each of its parts, that file systems take."""
_CLASS_OF_A_PROVIDER = re.compile(r"([^.:/]+):((?:[^\W\d]\w*\.)*[^\W\d]\w*:[^\W\d]\w*)")
BUILT_IN = "built-in"
"""The provider of what comes with the program: where several offer a name and none is written, it is meant."""


@dataclass(frozen=True)
class Name:
    """A name, taken apart.

    Attributes
    ----------
    text : str
        As it was written.
    key : str
        The name itself, as its provider knows it, ``package.module:Class`` where that is one; the class of
        ``FILE.py:Class``; the whole text of another path.
    path : Path or None
        Of ``FILE`` and ``FILE.py:Class``.
    provider : str
        Of ``PROVIDER:NAME`` and ``PROVIDER:package.module:Class``; "" where none is named.
    """

    text: str
    key: str
    path: Path | None = None
    provider: str = ""

    @property
    def own(self) -> str:
        """What digests and random streams see: the key, with the provider where somebody else's is named."""
        return self.text if self.provider not in ("", BUILT_IN) else self.key

    @property
    def is_python(self) -> bool:
        """Whether a Python file is named, its class behind it or not."""
        return self.path is not None and self.path.suffix == ".py"


@lru_cache(maxsize=1024)
def read(text: str) -> Name:
    """Take a name apart.

    A name that is registered holds no dot and no slash, and a path at least one of them: that tells them apart, before
    and without a look at what is registered or at what lies on the disk.  Only the import path of a class, which a
    provider is given, holds dots too: ``PROVIDER:package.module:Class``, two colons between words.

    Examples
    --------
    >>> read("macro-cifar10@run0-signal").key, read("built-in:nb201-cifar10").provider
    ('macro-cifar10@run0-signal', 'built-in')
    >>> name = read("own/search.py:Mine")
    >>> name.path.as_posix(), name.key
    ('own/search.py', 'Mine')
    >>> read("results/08:00/table.h5").path.as_posix()
    'results/08:00/table.h5'
    >>> name = read("optuna:package.module:Sampler")
    >>> name.provider, name.key
    ('optuna', 'package.module:Sampler')
    """
    if "\0" in text:
        raise HarnessError(must("name", "hold no NUL: no file can be called so", text))
    if len(text) > _LONGEST or any(len(part.encode(errors="replace")) > _LONGEST_PART for part in text.split("/")):
        raise HarnessError(
            must("name", f"be no longer than a file's can be, {_LONGEST_PART} bytes between slashes", text)
        )
    head, mark, tail = text.rpartition(".py:")
    if mark and "/" not in tail:
        return Name(text, tail, Path(f"{head}.py"))
    imported = _CLASS_OF_A_PROVIDER.fullmatch(text)
    if imported:
        return Name(text, imported[2], provider=imported[1])
    if _is_path(text):
        return Name(text, text, Path(text))
    head, _, tail = text.rpartition(":")
    return Name(text, tail, provider=head)


def _is_path(text: str) -> bool:
    return "." in text or "/" in text or os.sep in text


def absolute(text: str, folder: Path) -> str:
    """Return a name whose path, if it has one, is absolute: it was written relative to a folder."""
    name = read(text)
    if name.path is None:
        return text
    return str(folder.resolve() / name.path) + (f":{name.key}" if name.key != text else "")
