"""Agents without a model: the anchors that every board is read against."""

from .greedy import GreedyAgent
from .random import RandomAgent

__all__ = ["GreedyAgent", "RandomAgent"]
