"""Runs the command line in processes of its own, without importing evalkit again for each.

A server process imports `evalkit.cli` once and forks for each command, so that a command has its
own working directory, environment, streams and exit code, and takes some 50 ms instead of a second.
Tests of start-up, signals and interpreter options start `python -m evalkit.cli` themselves.
"""

import atexit
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

COMMAND = [sys.executable, "-m", "evalkit.cli"]


def run_evalkit(*arguments, cwd=None, env=None, text=True):
    """Run a command; returns a CompletedProcess with its exit code, stdout and stderr, as
    subprocess.run does.
    """
    words = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as folder:
        request = {
            "arguments": words,
            "cwd": str(cwd or Path.cwd()),
            "env": {**os.environ, **(env or {})},
            "stdout": f"{folder}/stdout",
            "stderr": f"{folder}/stderr",
        }
        server = _server()
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        answer = server.stdout.readline()
        if not answer:
            raise RuntimeError(f"the server of the command line ended with {server.wait()}")
        streams = [Path(request[name]).read_bytes() for name in ("stdout", "stderr")]
    if text:
        streams = [stream.decode() for stream in streams]
    return subprocess.CompletedProcess([*COMMAND, *words], int(answer), *streams)


@cache
def _server():
    server = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(_stop, server)
    return server


def _stop(server):
    with server:  # which closes its streams, with which it ends
        pass


def serve():
    """Answer each line of stdin, a request in JSON, with the exit code of the command."""
    from evalkit.cli.command_table import COMMANDS

    for command in COMMANDS.values():
        command.load_function()  # imported once, for all processes

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(request):
    """Run a command in this process, which ends with it."""
    for descriptor, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, request["stdout"], os.O_WRONLY | os.O_CREAT),
        (2, request["stderr"], os.O_WRONLY | os.O_CREAT),
    ):
        os.dup2(os.open(path, flags), descriptor)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.path[:1] = [
        request["cwd"],
        *request["env"].get("PYTHONPATH", "").split(os.pathsep),
    ]  # as `python -m` has it
    sys.argv = ["evalkit", *request["arguments"]]
    code = 1
    try:
        from evalkit.cli import main

        main()
        code = 0
    except SystemExit as error:
        code = error.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
