"""Tokens for the rows and gates of identity."""
import os
import subprocess

from proxies import build


class Pool:
    """Files of `count` tokens with one key, as tokens.cc makes them."""

    def __init__(self, folder, count, kid="bench-000"):
        self.program = build(folder, "tokens", "-lcrypto")
        self.folder = os.path.join(folder, f"{kid}.{count}")
        os.mkdir(self.folder)
        subprocess.run([self.program, "make", self.folder, str(count), kid], check=True)
        self.tokens, self.jwks, self.public = (os.path.join(self.folder, name) for name in ("tokens.txt", "jwks.json", "public.pem"))

    def first(self):
        with open(self.tokens, "rb") as f:
            return f.readline().strip()

    def auth(self, fields=""):
        """The configuration that accepts them. `fields`: further ones."""
        return f"auth: {{issuer: bench, jwks: {self.jwks}, audience: bench{fields}}}\n"
