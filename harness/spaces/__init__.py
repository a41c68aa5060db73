"""Search spaces: everything that is known about a space, in one folder.

A folder holds ``space.py``, the genes and the class derived from `harness.space.SearchSpace`, and, where they deserve a
file of their own:

- operations, cells, links, wiring: names of the codes, nodes and edges, and the network around them as numbers;
- ``edits``: mutation, neighbourhood and morphisms, where they are more than another value of one gene;
- ``graphs``: architectures as graphs, where that takes more than a few lines;
- ``keys``, ``classes``, ``hash``: when two architectures are the same;
- ``encodings``: features for learners;
- ``texts``: the field's own ways to write an architecture;
- ``costs``: parameters and multiply-adds in closed form, for the published network or any of its kind.

Nothing else holds such knowledge: `harness.training.networks` builds modules, importers and audits read tables, from
the constants and functions here; there is no torch.  Beside the folders lie what spaces share: `categorical` (a grid of
choices that a table defines), `enumerated` (every coding can be listed), `rows` (a space restricted to the rows of a
table), `four_nodes` (cells of NAS-Bench-201 and TransNAS-Bench-101), `layers` (counts of layers), and `named`.

To add a space: a folder with a ``space.py`` that passes `harness.testing.conformance.check_space`, a line in
`named.SPACES`, tests in the same place under ``tests/``.
"""
