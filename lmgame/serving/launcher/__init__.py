"""Starts other people's disaggregated servers: vLLM, SGLang and NVIDIA Dynamo.

What is to run is worked out first, as data (``plan``), by the flags of the version
that is installed (``release``); then it is started and watched over (``supervise``),
printed as commands or a Compose file (``manifest``), or as Kubernetes manifests
(``kubernetes``).
"""
