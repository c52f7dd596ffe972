"""The games of this project, one folder each; installed as ``lmgame.games``."""
