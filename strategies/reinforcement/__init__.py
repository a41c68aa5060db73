"""Reinforcement learning: policies over rows of genes."""
