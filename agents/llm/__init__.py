"""Agents that ask language models."""

from .agent import LlmAgent
from .deliberate import DeliberateAgent

__all__ = ["DeliberateAgent", "LlmAgent"]
