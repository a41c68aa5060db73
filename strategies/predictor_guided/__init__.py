"""Search guided by a predictor: what it ranks best of a whole space, or of mutants, is trained next."""
