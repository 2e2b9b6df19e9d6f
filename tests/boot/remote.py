"""A running machine by its control socket (atoll-control(7)), for tests that type and look."""

import json
import os
import socket
import time

from guest import PATIENCE, Failure


def home(directory):
    """Have machines that are started from here keep their sockets in this directory."""
    os.environ["XDG_RUNTIME_DIR"] = os.environ["XDG_DATA_HOME"] = directory


class Remote:
    """The machine of this name, which is starting. Use it in a `with` statement."""

    def __init__(self, name, patience=PATIENCE):
        path = os.path.join(os.environ["XDG_RUNTIME_DIR"], "atoll", name + ".sock")
        deadline = time.monotonic() + patience
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except (FileNotFoundError, ConnectionRefusedError) as error:
                self.socket.close()
                if time.monotonic() > deadline:
                    raise Failure(f"no machine answers at {path}") from error
                time.sleep(0.05)
        self.socket.settimeout(patience)
        self.file = self.socket.makefile("rwb")
        self.greeting = json.loads(self.file.readline())
        while self.ask("status")["state"] == "off":  # about to start
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.file.close()
        self.socket.close()
        return False

    def ask(self, verb, **arguments):
        """The answer to a request that must be granted, with its bytes as "data" if it has any."""
        request = {"verb": verb, "arguments": arguments}
        self.file.write(json.dumps(request).encode() + b"\n")
        self.file.flush()
        answer = json.loads(self.file.readline())
        if "bytes" in answer:
            answer["data"] = self.file.read(answer["bytes"])
        if not answer.get("ok"):
            raise Failure(f"{verb} {arguments}: {answer}")
        return answer

    def type(self, text, timeout=60):
        self.ask("type", text=text, timeout=timeout)

    def key(self, keys, timeout=60):
        self.ask("key", keys=keys, timeout=timeout)

    def pointer(self, x, y, timeout=60, **how):
        self.ask("pointer", x=x, y=y, timeout=timeout, **how)

    def screenshot(self, path):
        """The screen as it is now, also in a file."""
        data = self.ask("screenshot")["data"]
        with open(path, "wb") as file:
            file.write(data)
        return path
