"""The perceptrons of HW-GPT-Bench, which predict the perplexity and the memory of GPT-like networks."""
