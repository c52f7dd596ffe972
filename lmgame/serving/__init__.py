"""The disaggregated prefill/decode backend: an OpenAI-compatible server on llama.cpp."""
