"""Writes digits.npz beside this file: the handwritten digits of scikit-learn as data of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

digits = load_digits()
words = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
np.savez(Path(__file__).with_name("digits.npz"), images=digits.images.astype(np.uint8), labels=words[digits.target])
