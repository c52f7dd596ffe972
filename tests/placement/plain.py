"""Profiles and loads that can be worked out by hand."""

from __future__ import annotations

from lmgame.placement.profile import Cores, Prefill, Profile, Regime, Speed, Transfer
from lmgame.placement.workload import Item, Workload


def profile(
    *,
    call_s: float = 0.0,
    token_s: float = 0.001,
    step_s: float = 0.01,
    sequence_s: float = 0.0,
    context_s: float = 0.0,
    stages: tuple[int, ...] = (1,),
    slots: int | None = None,
    batch_tokens: int = 0,
    transfer: Transfer | None = None,
    kv_tokens: int | None = None,
    fused: bool = False,
    cores: Cores | None = None,
) -> Profile:
    """A token of prompt takes 1 ms, a decode step 10 ms, unless something else is said."""
    speed = Speed(
        prefill=Prefill(call_s=call_s, token_s=token_s),
        decode=(Regime(step_s=step_s, sequence_s=sequence_s, token_s=context_s),),
        kv_tokens=kv_tokens,
    )
    return Profile(
        name="plain",
        speeds=(speed,),
        stages=stages,
        slots=slots,
        batch_tokens=batch_tokens,
        transfer=transfer or Transfer(),
        fused=fused,
        cores=cores,
    )


def at_times(*calls: tuple[float, int, int], block: int = 64) -> Workload:
    """Calls at set times: seconds, prompt tokens, output tokens; each alone."""
    sessions = tuple((Item(prompt, output, (), 0.0, at),) for at, prompt, output in calls)
    order = tuple((number, 0) for number in range(len(calls)))
    return Workload("by hand", sessions, order, block, chained=False)
