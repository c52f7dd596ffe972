"""Speaks to any OpenAI-compatible server and times it."""
