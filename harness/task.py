"""The base class of tasks of one's own: what is trained when a search proposes something, and what is told of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harness.benchmark import Column
from harness.problem import Fidelity
from harness.space import SearchSpace


class Task(ABC):
    """Something of your own to tune and to design: data, models, a simulator; searched like any benchmark.

    A task is a class in a file.  It says what can be chosen (`space`) and what is measured (`columns`), and `train`
    does the work for one choice.  Wherever a benchmark is named, ``"my_task.py:MyTask"`` names it: in a spec, and in
    `harness.run`.  Before the first search, ``nas-harness check my_task.py:MyTask`` trains a few choices and says
    whether all rules are kept, and what a search will take.

    A whole task::

        import numpy as np
        from sklearn.datasets import load_breast_cancer
        from sklearn.model_selection import train_test_split
        from sklearn.neighbors import KNeighborsClassifier
        from harness import Column, Genes, Task

        class Neighbours(Task):
            space = Genes(neighbours=[1, 3, 5, 9, 15], power=[1.0, 1.5, 2.0], weights=["uniform", "distance"])
            columns = (
                Column("valid_accuracy", "percent", "maximise", "validation", best=100.0),
                Column("test_accuracy", "percent", "maximise", "test", best=100.0),
            )

            def __init__(self):
                self.items, self.labels = load_breast_cancer(return_X_y=True)

            def train(self, config, seed):
                rest, test, known, wanted = train_test_split(self.items, self.labels, test_size=0.2, random_state=0)
                fitted, valid, taught, asked = train_test_split(rest, known, test_size=0.25, random_state=seed)
                model = KNeighborsClassifier(config["neighbours"], p=config["power"], weights=config["weights"])
                model.fit(fitted, taught)
                return {
                    "valid_accuracy": 100 * model.score(valid, asked),
                    "test_accuracy": 100 * model.score(test, wanted),
                }

    What happens to it:

    - Trainings run in processes of their own, one compute thread each, never in the one that searches; `__init__` is
      called once in each of them, so it is where data are read.
    - A search is told columns of validation, of training and of costs; those of the split ``"test"`` are for reports
      alone.  The first column of validation is optimised unless the spec names others (`objectives`).
    - Every finished training is kept on disk.  What was trained is never trained again: a search that was killed goes
      on, and further strategies begin with what is known.
    - A training that raises, ends its process, takes longer than `timeout_seconds`, or returns something else than one
      finite number for each column is kept as failed (NaN), with the reason.
    - The file and the modules of its own that it imports are part of the identity of the task: after a change it is
      another task, and nothing of what the old one trained is used.  Data files that it reads are no part of it.

    All that a class can say:

    Attributes
    ----------
    space : SearchSpace or str
        What can be chosen: `Genes` that are written down right there, or the name of a space that the program knows,
        such as ``"nb201"``; `train` is given a dict of named values, or the architecture as a text.
    columns : sequence of Column
        What `train` returns.  The split is ``"validation"``, ``"test"``, ``"train"``, or "" for what is evaluated on no
        data, such as a size; at least one is of validation, or a cost to be minimised alone.
    fidelities : sequence of int or Fidelity
        From cheap to full, rising: for example epochs, ``(5, 15, 45)``.  `train` is given one of them.  Empty: there is
        the full training alone.
    fidelity_unit : str
        What the numbers of `fidelities` count.
    continues : bool
        Whether each fidelity is the beginning of the next one's training, so that going on can be charged by the
        difference (``multi_fidelity = "resumable"``).  Learning rates that fall until the end of a training forbid it.
    seeds : int
        So many trainings can be made of each choice, with the seeds 0, 1, ….  In a search one of them is drawn for each
        choice and replicate; reports judge by the mean over those that were made.
    timeout_seconds : float
        Real seconds after which a training is ended and counts as failed.
    batch : int
        So many choices are handed to `train_many` at a time, where there are so many to train.
    processes : int
        Trainings, or batches of them, that run side by side in each worker of a run.
    libraries : tuple of str
        Installed packages, such as ``"scikit-learn"``, on whose version the results depend: with another version it is
        another task.
    title : str
        For people; the first line of the docstring if not given.
    """

    space: ClassVar[SearchSpace | str]
    columns: ClassVar[Sequence[Column]]
    fidelities: ClassVar[Sequence[int | Fidelity]] = ()
    fidelity_unit: ClassVar[str] = "epochs"
    continues: ClassVar[bool] = False
    seeds: ClassVar[int] = 3
    timeout_seconds: ClassVar[float] = 600.0
    batch: ClassVar[int] = 1
    processes: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str] = ""

    @abstractmethod
    def train(self, config: Any, seed: int, *fidelity: Any) -> Mapping[str, float]:
        """Train one choice; written ``train(self, config, seed)``, or ``train(self, config, seed, fidelity)``.

        Parameters
        ----------
        config : dict or str
            The value of each gene by its name, without those that are switched off; a text where `space` is no `Genes`.
        seed : int
            In ``range(seeds)``: all randomness comes from it, so that the same call gives the same numbers.
        fidelity : int or Fidelity
            One of `fidelities`, where there are any.

        Returns
        -------
        mapping of str to float
            One finite number for each of `columns`, in its unit.
        """

    def train_many(self, configs: Sequence[Any], seeds: Sequence[int], *fidelity: Any) -> Sequence[Mapping[str, float]]:
        """Train several choices at one fidelity at once, where `batch` is above 1; the default calls `train` for each.

        Returns
        -------
        sequence of mappings
            As `train` returns, one for each choice, in order; none may depend on what else is in the batch.  Where a
            batch fails, its choices are trained again one by one.
        """
        return [self.train(config, seed, *fidelity) for config, seed in zip(configs, seeds, strict=True)]

    @staticmethod
    def seconds(config: Any, *fidelity: Any) -> float:
        """Return the seconds that a training is said to take on the simulated clock; a static method, above zero.

        Defined by a task that is to be searched under a budget of seconds or by simulated workers: a formula, such as
        multiply-adds at a known rate, and no clock, so that it is the same on every machine.
        """
        raise NotImplementedError("this task does not define `seconds`")
