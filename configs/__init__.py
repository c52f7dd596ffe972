"""Hydra configuration groups; installed as ``lmgame.configs``."""
