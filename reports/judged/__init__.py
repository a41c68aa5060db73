"""The audit of a fitted surrogate benchmark: how well it stands for trainings, in numbers and as a page."""
