"""The language-model agent."""

from .agent import LlmAgent

__all__ = ["LlmAgent"]
