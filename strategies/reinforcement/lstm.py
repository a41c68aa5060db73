"""A recurrent policy: an LSTM that draws one gene after another, with its gradient written by hand.

At this size a step costs what its calls cost: a pass over ten architectures makes some twenty calls for each gene,
where automatic differentiation makes several times as many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Weights:
    """Views of one vector of parameters; H units, L genes, K_g values of gene g.

    Attributes
    ----------
    vector : (d,) float64
        All parameters; what follows views it.
    inputs, memory : (H, 4H)
        Of the gates: input, forget, output, candidate; of what is read, and of the output of the gene before.
    start : (H,)
        What the first gene reads.
    read : list of (K_g, H)
        What the next gene reads, by the value of gene g, for all but the last.
    heads, biases : list of (H, K_g), list of (K_g,)
        Of the logits of gene g.
    """

    vector: FloatArray
    inputs: FloatArray
    memory: FloatArray
    start: FloatArray
    read: list[FloatArray]
    heads: list[FloatArray]
    biases: list[FloatArray]

    @classmethod
    def zeros(cls, cardinalities: list[int], units: int) -> Weights:
        """Return parameters of 0."""
        shapes: list[tuple[int, ...]] = [(units, 4 * units)] * 2 + [(units,)]
        shapes += [(count, units) for count in cardinalities[:-1]]
        shapes += [(units, count) for count in cardinalities]
        shapes += [(count,) for count in cardinalities]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        vector = np.zeros(int(ends[-1]))
        views = [part.reshape(shape) for part, shape in zip(np.split(vector, ends[:-1]), shapes, strict=True)]
        genes = len(cardinalities)
        read, heads = views[3 : 2 + genes], views[2 + genes : 2 + 2 * genes]
        return cls(vector, views[0], views[1], views[2], read, heads, views[2 + 2 * genes :])


@dataclass(frozen=True, eq=False)
class Pass:
    """What reading n architectures left behind, for the gradient.

    Attributes
    ----------
    archs : (n, L) integers
    active : (n, L) bool
        Genes that count.
    log_probability, entropy : (n,) float64
        ln pi of the genes that count, and the sum of the entropies of the softmaxes from which they were drawn.
    read, outputs, cells, shaped : (L, n, H) float64
        What each gene read; the output of its step, the state of its cell and the tanh of that.
    gates : (L, n, 4H) float64
    probabilities, slopes : list of (n, K_g) float64
        Softmax of each gene, and the derivative of its logits by what is shaped into them.
    """

    archs: Archs
    active: BoolArray
    log_probability: FloatArray
    entropy: FloatArray
    read: FloatArray
    outputs: FloatArray
    cells: FloatArray
    shaped: FloatArray
    gates: FloatArray
    probabilities: list[FloatArray]
    slopes: list[FloatArray]


class LSTMPolicy:
    """An LSTM of one layer: ``pi(a) = prod_g softmax(logits_g(a_1 .. a_{g-1}))[a_g]``.

    Each gene reads a vector that belongs to the value of the gene before, the first a learnt one; its own matrix and
    bias turn the output into logits ``constant * tanh(raw / temperature)``, in this order, so that no two values of a
    gene differ by more than a factor ``exp(2 constant)`` in probability.  Gates have no bias, as in the code of ENAS.

    Parameters
    ----------
    cardinalities : (L,) integers
        Values of each gene.
    dtype : numpy dtype
        Of the rows that it draws.
    rng : numpy.random.Generator
    units : int
        H.
    scale : float
        Initial weights are uniform in ``[-scale, scale]``, biases 0.
    constants : (L,) float64
        Of the tanh, for each gene; 0 leaves the logits as they are.
    temperature : float
    """

    def __init__(
        self,
        cardinalities: IntArray,
        dtype: npt.DTypeLike,
        rng: np.random.Generator,
        *,
        units: int,
        scale: float,
        constants: FloatArray,
        temperature: float,
    ) -> None:
        self._rng, self._dtype = rng, dtype
        self._counts: list[int] = np.asarray(cardinalities).tolist()
        self._constants, self._temperature = constants.tolist(), temperature
        self._units = units
        self.weights = Weights.zeros(self._counts, units)
        vector = self.weights.vector
        drawn = len(vector) - sum(self._counts)  # the biases come last
        vector[:drawn] = rng.uniform(-scale, scale, size=drawn)

    def _gates(self, read: FloatArray, output: FloatArray | None) -> FloatArray:
        """Return the gates of a step, (n, 4H): three sigmoids and a tanh, as one tanh."""
        gates = read @ self.weights.inputs
        if output is not None:
            gates += output @ self.weights.memory
        sigmoids = gates[:, : 3 * self._units]
        sigmoids *= 0.5
        np.tanh(gates, out=gates)
        sigmoids *= 0.5
        sigmoids += 0.5
        return gates

    def _step(self, gates: FloatArray, cell: FloatArray | None) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the new state of the cell, its tanh and the output, (n, H) each."""
        units = self._units
        state = gates[:, :units] * gates[:, 3 * units :]
        if cell is not None:
            state += gates[:, units : 2 * units] * cell
        shaped = np.tanh(state)
        return state, shaped, gates[:, 2 * units : 3 * units] * shaped

    def _logits(self, gene: int, output: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the logits of a gene and their derivative by the raw ones, (n, K_g) each."""
        raw = output @ self.weights.heads[gene]
        raw += self.weights.biases[gene]
        raw /= self._temperature
        constant = self._constants[gene]
        if not constant:
            return raw, np.full_like(raw, 1 / self._temperature)
        shaped = np.tanh(raw)
        return constant * shaped, (constant / self._temperature) * (1 - shaped * shaped)

    def sample(self, n: int, rng: np.random.Generator | None = None) -> Archs:
        """Draw n rows of genes, (n, L), valid or not: the largest logit once each has Gumbel noise added to it.

        Parameters
        ----------
        n : int
        rng : numpy.random.Generator, optional
            In place of that of the policy.
        """
        rng = self._rng if rng is None else rng
        rows = np.empty((n, len(self._counts)), dtype=self._dtype)
        read = np.broadcast_to(self.weights.start, (n, self._units))
        output = cell = None
        for gene, count in enumerate(self._counts):
            if gene:
                read = self.weights.read[gene - 1][rows[:, gene - 1]]
            cell, _, output = self._step(self._gates(read, output), cell)
            logits, _ = self._logits(gene, output)
            rows[:, gene] = (logits + rng.gumbel(size=(n, count))).argmax(axis=1)
        return rows

    def read(self, archs: Archs, active: BoolArray) -> Pass:
        """Read n architectures, (n, L), of whose genes those of the mask `active`, (n, L), count."""
        n, genes = archs.shape
        every = np.arange(n)
        read = np.empty((genes, n, self._units))
        outputs, cells, shaped = np.empty_like(read), np.empty_like(read), np.empty_like(read)
        gates = np.empty((genes, n, 4 * self._units))
        log_probability, entropy = np.zeros(n), np.zeros(n)
        probabilities, slopes = [], []
        output = cell = None
        for gene in range(genes):
            read[gene] = self.weights.read[gene - 1][archs[:, gene - 1]] if gene else self.weights.start
            gates[gene] = self._gates(read[gene], output)
            cells[gene], shaped[gene], outputs[gene] = self._step(gates[gene], cell)
            cell, output = cells[gene], outputs[gene]
            logits, slope = self._logits(gene, output)
            logits -= logits.max(axis=1, keepdims=True)
            chances = np.exp(logits)
            totals = chances.sum(axis=1, keepdims=True)
            chances /= totals
            logits -= np.log(totals)
            log_probability += logits[every, archs[:, gene]] * active[:, gene]
            entropy -= np.einsum("nk,nk->n", chances, logits) * active[:, gene]
            probabilities.append(chances)
            slopes.append(slope)
        return Pass(archs, active, log_probability, entropy, read, outputs, cells, shaped, gates, probabilities, slopes)

    def gradient(self, done: Pass, worth: FloatArray) -> FloatArray:
        """Return the gradient of ``sum_n worth_n ln pi(a_n)`` by the parameters, (d,), in the order of `Weights`."""
        units, genes, n = self._units, len(self._counts), len(done.archs)
        weights, slopes = self.weights, Weights.zeros(self._counts, units)
        every = np.arange(n)
        by_gates = np.empty_like(done.gates)
        to_output, to_cell = np.zeros((n, units)), np.zeros((n, units))
        for gene in reversed(range(genes)):
            share = worth * done.active[:, gene]
            by_raw = done.probabilities[gene] * -share[:, None]
            by_raw[every, done.archs[:, gene]] += share
            by_raw *= done.slopes[gene]
            np.matmul(done.outputs[gene].T, by_raw, out=slopes.heads[gene])
            by_raw.sum(axis=0, out=slopes.biases[gene])
            by_output = to_output + by_raw @ weights.heads[gene].T
            gates, into = done.gates[gene], by_gates[gene]
            entering, kept, shown, candidate = np.split(gates, 4, axis=1)
            shaped = done.shaped[gene]
            by_cell = to_cell + by_output * shown * (1 - shaped * shaped)
            into[:, :units] = by_cell * candidate
            into[:, units : 2 * units] = by_cell * done.cells[gene - 1] if gene else 0.0
            into[:, 2 * units : 3 * units] = by_output * shaped
            sigmoids = gates[:, : 3 * units]
            into[:, : 3 * units] *= sigmoids * (1 - sigmoids)
            into[:, 3 * units :] = by_cell * entering * (1 - candidate * candidate)
            to_cell = by_cell * kept
            to_output = into @ weights.memory.T
        flat = by_gates.reshape(-1, 4 * units)
        np.matmul(done.read.reshape(-1, units).T, flat, out=slopes.inputs)
        if genes > 1:
            np.matmul(done.outputs[:-1].reshape(-1, units).T, flat[n:], out=slopes.memory)
        by_read = (flat @ weights.inputs.T).reshape(genes, n, units)
        by_read[0].sum(axis=0, out=slopes.start)
        for gene in range(genes - 1):
            np.add.at(slopes.read[gene], done.archs[:, gene], by_read[gene + 1])
        return slopes.vector
