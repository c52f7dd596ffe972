"""What `lmgame COMMAND --help` says of settings."""

OVERRIDES = """
settings are written KEY=VALUE at the end of the line:
  game=NAME                       which game, see `lmgame games`; game.difficulty=3 and so
                                  on are its own settings
  agent=llm | random | greedy | human   who plays a one-seat game; human is you, in a window
                                  deliberate and outside too: docs/agents.md
  harness=off | lmgame | full     what surrounds the model: memory, reflection, perception
  agents=[llm,greedy]             who plays a game with several seats, in seat order
  backend=NAME backend.model=NAME   where completions come from: embedded (our own server),
                                  lmgame (a running `lmgame serve`), openai, anthropic,
                                  vllm, ...; any other: backend=any backend.base_url=URL
  clock=paused | simulated | realtime   whether the world waits for decisions
  slo.ttft_s=5 slo.tpot_s=0.1 slo.time_to_action_s=6 slo.itl_s=0.2 slo.deadline_s=usual
                                  limits in seconds; where the world runs on the game's own
                                  deadline (docs/slo.md)
  seed=0 episodes=30              the first seed, and how many
  concurrency=4                   matches at the same time
  workers=2                       processes for slow scripted agents; one a core, 0: none
  executor=local | ray            where matches are played; ray.address=HEAD:6379: which cluster
  max_decisions=50                bounds a match
  run=DIR                         the run folder; naming an existing one continues it
  anchors=[random,greedy]         who else plays the same seeds, for comparison
  agent.temperature=0 agent.max_tokens=32 agent.observation=text|image
  agent.structured=auto|off       hold replies to the legal actions where the backend can
  policy.retries=1 policy.then=default|forfeit   after a reply that is no legal action
  budget.usd=5 budget.tokens=1000000 budget.seconds=3600   ends a run; it can be continued
  policy.attempts=3 policy.failed=suspend|default   after a call that fails
  film=gif | mp4 | none           what is drawn at the end; mp4 needs lmgame[video]
  experiment=demo                 a preset of all this: lmgame/configs/experiment/
-m plays every combination of settings with several values, a run each, and skips what was played:
seed=0,1 agent.temperature=range(0,1,0.5) game=glob(tetris*)

examples:
  lmgame play max_decisions=20
  lmgame play -m game=tetris,sokoban harness=off,lmgame episodes=3
  lmgame play game=tetris_versus 'agents=[llm,greedy]' clock=realtime
  lmgame play backend=vllm backend.model=NAME episodes=10 concurrency=5
(quote lists where the shell takes brackets for a pattern)
"""

TOURNAMENT = """
settings are written KEY=VALUE at the end of the line:
  games=[connect_four,tetris]     which games, see `lmgame games`
  agents=[llm,greedy]             who takes part; anchors=[random,greedy] always do: anchors=[]
                                  leaves them out
  'agents=[llm,llm as=mem harness=lmgame]' 'games=[tetris,sokoban game.difficulty=3]'
                                  what is said of one alone stands behind its name; as=LABEL is
                                  what to call it. Of an agent: agent.KEY, harness, backend,
                                  backend.KEY; of a game: game.KEY, max_decisions, clock,
                                  policy, slo
  anchor_seeds=50                 how many seeds anchors play; as many as everybody else
  schedule=round_robin | gauntlet | swiss | ladder | single   how games with two seats are
                                  played; gauntlet: everybody against the anchors; ladder: whose
                                  meeting tells most comes next; single: not at all
  seeds=10                        how many seeds; in swiss and ladder, how many a round
  rounds=3                        of swiss and ladder
  repeats=1                       how often an agent plays each seed of a one-seat game
  seed=0 concurrency=8 run=DIR    the first seed; matches at the same time; the folder
  experiment=quick | lmgame_bench a preset: a board in five minutes; the protocol of the paper
  workers=2                       processes for slow scripted agents and their matches; one a core
  executor=local | ray            where matches are played; ray.address=HEAD:6379 is the cluster,
                                  else one is started here (docs/tournaments.md)
and agent, backend, clock, harness, slo, policy, budget, max_decisions and -m as for `lmgame play`

examples:
  lmgame tournament 'games=[connect_four,tetris]' 'agents=[random,greedy]' seeds=20 run=runs/demo
  lmgame tournament 'agents=[llm as=split,llm as=whole backend.mode=colocated]' seeds=3
  lmgame tournament 'games=[chess]' agents=llm schedule=swiss backend=vllm backend.model=NAME
"""

BENCH = """
settings are written KEY=VALUE at the end of the line (every key: lmgame/configs/bench.yaml, load/):
  backend=NAME backend.model=NAME backend.base_url=URL   whom to measure
  load=closed load.streams=256    streams, each with one call under way
  load=poisson | constant | gamma | ramp   load.rate=4 calls a second, whatever becomes of those
                                  before; gamma: load.cv=2; ramp: load.to_rate=16 load.over_s=60
  load=sessions load.rate=0.5 load.think_s=0.5   sessions a second; their calls wait for each other
  load=matches game=NAME agents=[llm] load.matches=32 load.streams=16   real matches, so many at
                                  a time; what is played is said as for a tournament
  load=trace load.file=FILE       the times of a file that `lmgame export` has written
  load.calls=1024 load.seconds=60 when it ends; null: no such end
  load.max_tokens=50 load.system_tokens=300 load.turn_tokens=60 load.turns=20   its shape, in tokens
  load.think=lognormal load.think_s=0.5 load.think_cv=2   pauses of a session; exponential, or
                                  recorded with load.think_from=runs/NAME
  load.file=prompts.jsonl         prompts of your own, in any load; load.broken=skip
  load.warmup=8 load.settle_s=5   calls that do not count: before all others; of the first seconds
  load.processes=4                processes that send; see `lmgame bench --calibrate`
  load.seed=0                     the same seed sends the same calls at the same times
  slo.ttft_s=0.15 slo.tpot_s=0.025 slo.itl_s=0.1 slo.time_to_action_s=2   limits; the last one on
                                  the whole reply (docs/slo.md)
  target=0.9                      the share of calls that must meet all of them
  search.low=1 search.high=1024 search.tolerance=0.05 search.blocks=8   for --capacity
  'compare=[backend.mode=disaggregated,backend.mode=colocated]' blocks=5   configurations in turn
  metrics.url=http://HOST:29000/metrics metrics.every_s=2   the server's own metrics, shown beside
                                  ours; /metrics beside /v1 if nothing is said, null for none
  run=DIR                         the folder, a new one
  with --frontier: game=NAME agents=[llm] seeds=10 and all that a tournament takes, and
  'frontier=[backend.mode=disaggregated,backend.mode=colocated as=whole]'   configurations, or
  frontier.latency_s=[0,0.1,0.5,2]   seconds that every decision takes; frontier.replay=RUN plays
                                  a run's replies again instead of asking; frontier.turns=5
-m measures every combination of settings with several values, and nothing twice (not --frontier)

examples:
  lmgame bench --calibrate
  lmgame bench -m load.streams=16,64,256 backend.mode=disaggregated,colocated
  lmgame bench backend=vllm backend.model=NAME load.streams=64 slo.ttft_s=0.5 slo.tpot_s=0.05
  lmgame bench --capacity load=poisson load.calls=200 slo.ttft_s=1 slo.tpot_s=0.05
  lmgame bench --frontier game=tetris agents=[llm] seeds=5 frontier.latency_s=[0,0.5,2]
"""

DOCTOR = """
settings are written KEY=VALUE at the end of the line:
  backend=NAME                    what to look at; backend.model=NAME backend.base_url=URL
"""

SERVE = """
settings are written KEY=VALUE at the end of the line:
  backend.mode=disaggregated | colocated | auto   split prefill from decode, or not, or as the
                                  load asks
  backend.prefill_workers=1 backend.decode_workers=1
  backend.schedule=prefill_first | chunked backend.chunk=64   colocated only
  backend.port=8000 backend.host=127.0.0.1
  backend.context=4096 backend.slots=8 backend.weights=FILE.gguf
  backend.prefix_mb=256           for the KV caches of earlier prompts; 0: none
  backend.ttft_s=5 backend.tpot_s=0.05   what backend.mode=auto tries to meet (docs/embedded.md)

and with backend=vllm_pd | sglang_pd | dynamo_pd (every key: lmgame/configs/launched.yaml):
  backend.model=NAME              what to serve; backend.weights=DIR where it lies
  backend.mode=colocated backend.replicas=2   the same engines without the split
  backend.engine=vllm | sglang | mocker   of dynamo_pd
  backend.prefill_workers=2 backend.decode_workers=1 backend.tensor_parallel=2
  backend.gpus=[0,1]              which GPUs, in the order of the workers; [] for none
  backend.worker_args=[--max-model-len,4096]   and prefill_args, decode_args, router_args
  backend.python=FILE             the interpreter that has the servers installed
  backend.prefill_hosts=[10.0.0.1] backend.decode_hosts=[10.0.0.2]   prints what runs where

with --plan (every key: lmgame/configs/plan.yaml):
  plan.workers=4                  GPUs, or cores
  plan.profile=opt-13b-a100 | FILE.yaml | measure   how fast the model is; measure: the
                                  embedded one, here; plan.save=FILE.yaml keeps what was measured
  plan.trace=FILE.jsonl           a load that `lmgame export --trace` wrote; plan.block=N as its
                                  --block
  workload.prompt_max=1200 workload.output_max=60   without a trace: a made-up load, in tokens
  plan.arrivals=poisson | trace | sessions   open loop, at the trace's times, or closed loop
  slo.ttft_s=5 slo.tpot_s=0.03 slo.time_to_action_s=6   limits; 90 % of calls must meet all
  plan.rate=20                    calls a second (or sessions) that must be carried
  plan.cache_tokens=50000         prefix cache of each worker that runs prompts
  plan.fewer=true                 also leave workers unused, for the best rate a worker

examples:
  lmgame serve
  lmgame serve backend=vllm_pd backend.model=Qwen/Qwen3-0.6B --dry-run
  lmgame serve backend=dynamo_pd backend.model=Qwen/Qwen3-0.6B --format kubernetes
  lmgame play backend=vllm_pd backend.model=Qwen/Qwen3-0.6B    while it runs
  lmgame serve --plan plan.workers=4 plan.profile=opt-13b-a100 slo.ttft_s=0.2 slo.tpot_s=0.04
"""

BOARD = """
examples:
  lmgame board runs/demo --out leaderboards/demo --title 'A small board'
  lmgame board --check leaderboards/demo
a board that is there already is replaced; docs/boards.md tells what every column means
"""
