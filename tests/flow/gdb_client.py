# SPDX-License-Identifier: MIT
"""The least of a GDB remote protocol client: reads and writes memory of the running emulated board."""

import socket


class GdbClient:
    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        self._socket.connect(str(path))

    def close(self):
        self._socket.close()

    def ask(self, request):
        checksum = sum(request.encode()) % 256
        self._socket.sendall(f"${request}#{checksum:02x}".encode())
        answer = b""
        while b"#" not in answer or len(answer) < answer.index(b"#") + 3:
            chunk = self._socket.recv(4096)
            if not chunk:
                raise EOFError("the board closed the connection")
            answer += chunk
        self._socket.sendall(b"+")
        return answer[answer.index(b"$") + 1:answer.index(b"#")].decode()

    def write32(self, address, value):
        answer = self.ask(f"M{address:x},4:{value.to_bytes(4, 'little').hex()}")
        if answer != "OK":
            raise EOFError(f"writing {address:#x} was answered with {answer!r}")

    def read(self, address, size):
        return bytes.fromhex(self.ask(f"m{address:x},{size:x}"))
