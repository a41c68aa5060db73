"""The study: runs aligned, judged and compared, ready for figures and tables.

`truth` opens what judges, `align` finds incumbents, `reference` gives exact random search, `study` holds all three;
`curves`, `finals` and `comparisons` are its numbers, `frame` is every evaluation as one frame, `verdicts` judges real
training; `wording` and `provenance` are words on where all this comes from.
"""
