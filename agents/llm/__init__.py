"""The language-model agent."""
