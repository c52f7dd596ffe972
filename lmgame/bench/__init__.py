"""`lmgame bench`: load from games against any server, measured with a known error."""
