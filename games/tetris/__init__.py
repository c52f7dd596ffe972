"""Tetris for one seat and for two."""
