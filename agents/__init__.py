"""The agents of this project; installed as ``lmgame.agents``."""
