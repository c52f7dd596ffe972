"""Which split of prefill and decode workers serves a load best, by simulation.

DistServe's placement question (Zhong et al., OSDI 2024, https://arxiv.org/abs/2401.09670)
for the load that game-playing agents make. `lmgame serve --plan` asks it;
docs/planning.md tells what is modelled and how well it predicts.
"""

from lmgame.placement.profile import Profile, load
from lmgame.placement.search import Capacity, Goal, capacity, plan
from lmgame.placement.simulate import Outcome, simulate
from lmgame.placement.split import Shape, Split
from lmgame.placement.workload import Workload, from_trace, synthetic

__all__ = [
    "Capacity",
    "Goal",
    "Outcome",
    "Profile",
    "Shape",
    "Split",
    "Workload",
    "capacity",
    "from_trace",
    "load",
    "plan",
    "simulate",
    "synthetic",
]
