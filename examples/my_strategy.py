"""A strategy of one's own: always mutate the best architecture so far."""

import numpy as np

from harness import Evaluations, Problem, Proposals, Strategy


class MyStrategy(Strategy):
    """Some random architectures, then mutants of the best one so far."""

    def __init__(self, problem: Problem, rng: np.random.Generator, *, initial: int = 10) -> None:
        super().__init__(problem, rng)
        self.initial, self.best, self.best_error = initial, None, np.inf

    def propose(self, n: int) -> Proposals:
        """Return about `n` proposals; more are fine where no result would change them."""
        space = self.problem.space
        if self.best is None:
            return self.proposals(space.sample(self.initial, self.rng))
        return self.proposals(space.mutate(np.repeat(self.best, n, axis=0), self.rng))

    def tell(self, evaluations: Evaluations) -> None:
        """Remember the best; objectives are minimised, NaN is a failed training, feasible is <= 0."""
        feasible = np.all(evaluations.constraints <= 0, axis=1)
        errors = np.where(feasible, np.nan_to_num(evaluations.objectives[:, 0], nan=np.inf), np.inf)
        if errors.min() < self.best_error:
            self.best, self.best_error = evaluations.archs[[errors.argmin()]], errors.min()
