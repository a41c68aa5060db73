"""Predictions of the networks that a live benchmark has trained, kept beside its rows for the ensemble of a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.checks import IntArray
from harness.errors import TableError, reason
from harness.files.arrays import ArraysError, read_npz
from harness.files.whole import replacing
from harness.training.ensemble import EnsembleResult, compare

MOST_BYTES = 2**28
"""Of all files; beyond, those of the networks that are worst on validation items make room."""
LIBRARY = 100
"""Networks, the best on validation items, that an ensemble is selected from."""
_MOST_VALUES = 2**24
"""Probabilities of validation items of a library: of many items, fewer networks are looked at."""
VALID, TEST = "valid", "test"


@dataclass(frozen=True)
class Predictions:
    """A folder with a file for each full training: what the network says of validation and of test items.

    Reports alone open them.  What a file is of stands in its name, ``RIGHT-KEY-SEED.npz``, with the number of
    validation items that the network gets right, so that the best are found, and the worst removed, unread.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    def keep(
        self,
        key: int,
        seed: int,
        probabilities: Mapping[str, npt.NDArray[np.floating]],
        labels: Mapping[str, IntArray],
    ) -> None:
        """Keep what a network predicts of both splits, (items, K) each, whose labels are (items,).

        Nothing is kept where a split has no items.
        """
        if not all(len(labels[split]) for split in (VALID, TEST)):
            return
        right = int(np.count_nonzero(probabilities[VALID].argmax(axis=1) == labels[VALID]))
        training = f"-{key:016x}-{seed}.npz"
        path = self.folder / f"{right:08d}{training}"
        arrays = {split: probabilities[split].astype(np.float32) for split in (VALID, TEST)}
        arrays |= {f"{split}_labels": labels[split].astype(np.uint16) for split in (VALID, TEST)}
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        names = self._names()
        earlier = [name for name in names if name.endswith(training) and name != path.name]
        for unwanted in (*names[: -max(1, MOST_BYTES // path.stat().st_size)], *earlier):
            (self.folder / unwanted).unlink(missing_ok=True)

    def _names(self) -> list[str]:
        """Return the names of files, the worst network first."""
        return sorted(path.name for path in self.folder.glob("[0-9]*.npz"))

    def ensemble(self, rows: Mapping[int, int]) -> EnsembleResult | None:
        """Select an ensemble of the trainings of some architectures; None where fewer than two are kept.

        Parameters
        ----------
        rows : mapping of int to int
            Of each key the number of the architecture; members are called by it and their seed.

        Raises
        ------
        TableError
            If a file is damaged.
        """
        trainings = [(name, *name.removesuffix(".npz").split("-")[1:]) for name in reversed(self._names())]
        chosen = [(name, rows[int(key, 16)], int(seed)) for name, key, seed in trainings if int(key, 16) in rows]
        if len(chosen) < 2:
            return None
        best = self._read(chosen[0][0])
        chosen = chosen[: max(2, min(LIBRARY, _MOST_VALUES // best[VALID].size))]
        kept = [best, *(self._read(name) for name, _, _ in chosen[1:])]
        for arrays, (name, _, _) in zip(kept, chosen, strict=True):
            if any(arrays[part].shape != array.shape for part, array in best.items()):
                raise TableError(f"{self.folder / name} is damaged: its predictions are of other items or classes than"
                                 " those of the best network; remove it, the ensemble does without")  # fmt: skip
        valid, test = (np.stack([arrays[split] for arrays in kept]) for split in (VALID, TEST))
        names = [(row, seed) for _, row, seed in chosen]
        return compare(valid, test, best[f"{VALID}_labels"], best[f"{TEST}_labels"], names)

    def _read(self, name: str) -> Mapping[str, npt.NDArray[Any]]:
        path = self.folder / name
        try:
            arrays = read_npz(path)
            for split in (VALID, TEST):
                said, labels = arrays[split], arrays[f"{split}_labels"]
                if said.ndim != 2 or labels.shape != said.shape[:1]:
                    raise ArraysError("its predictions and labels are not of as many items")
                if said.dtype.kind != "f" or labels.dtype.kind not in "iu" or not said.size:
                    raise ArraysError("its predictions and labels are no numbers")
        except (OSError, ArraysError, KeyError) as error:
            raise TableError(f"{path} is damaged: {reason(error)}; remove it, the ensemble does without") from error
        return arrays
