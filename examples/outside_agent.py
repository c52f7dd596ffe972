"""An agent in a program of its own: plays the first choice it is offered.

    lmgame play game=tetris agent=outside 'agent.command=[python3,examples/outside_agent.py]'

Any language will do: read a JSON object a line, answer each "turn" with a line.
Nothing of lmgame is imported. Whatever goes to standard error is shown if the
program fails. docs/agents.md describes every field.
"""

import json
import sys

for line in sys.stdin:
    said = json.loads(line)
    if said["type"] == "seat":
        print(f"playing {said['game']} as {said['seats'][said['seat']]}", file=sys.stderr)
    elif said["type"] == "turn":
        answer = {"number": said["number"], "action": said["choices"][0]}
        print(json.dumps(answer), flush=True)
    # "landed" tells which action was applied, and how the answer was read
