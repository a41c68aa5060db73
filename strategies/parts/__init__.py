"""Parts that strategies share: acquisition, candidates, ranking."""
