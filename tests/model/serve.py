"""Serves a GGUF file over OpenAI's protocol on loopback: `python tests/model/serve.py FILE PORT`.

The server is llama.cpp's own, in the `xllamacpp` package, so a test sees its real errors and its real schema support.
One thread: with more, the threads wait for each other as soon as anything else uses the machine.
"""

import argparse
import signal
from pathlib import Path

MODEL = "qwen2.5-coder-1.5b"
SLOTS = 4
"""Requests at once; each slot has its own prompt cache."""
CONTEXT = 4096
"""Tokens a slot."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("port", type=int)
    arguments = parser.parse_args()

    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(arguments.file)
    params.model_alias = {MODEL}
    params.n_ctx = CONTEXT * SLOTS
    params.n_parallel = SLOTS
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.hostnames = ["127.0.0.1"]
    params.port = arguments.port
    server = xllamacpp.Server(params)
    print(f"{server.listening_address}/v1", flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
