#!/usr/bin/env python3
"""Checks that #include lines, and the links between the rooms' libraries, only go down.

scripts/check_includes.py               checks src/
scripts/check_includes.py --self-test   shows that the check can fail
"""

import re
import sys
import tempfile
from pathlib import Path

# The arrows of the architecture. A room may include what it names here, and what those may.
DOWN = {
    "base": [],
    "net": ["base"],
    "http": ["base"],
    "config": ["base"],
    "jose": ["base"],
    "upstream": ["net", "http", "config"],
    "gateway": ["upstream"],
    "filters/*": ["gateway", "jose"],  # never another filter
    "control": ["gateway"],  # never a filter
    "app": ["control", "filters/*", "jose"],
}

# Rooms of pure functions over bytes know neither sockets nor clocks.
PURE = {"http", "jose"}
IMPURE_HEADER = re.compile(r"sys/(socket|epoll|uio|timerfd|eventfd)\.h|poll\.h|unistd\.h|netinet/|ctime|time\.h")

# Folders and files of these names are where layers get lost.
VAGUE = {"util", "utils", "common", "misc", "helper", "helpers", "manager"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
ROOM_CALL = re.compile(r"gatehouse_room\(\s*(\S+)([^)]*)\)")


def room_of(path):
    """The room of a path relative to src/: "net/loop.h" -> "net", "filters/access/x.h" -> "filters/access"."""
    parts = path.split("/")
    depth = 2 if parts[0] == "filters" else 1
    return "/".join(parts[:depth]) if len(parts) > depth else None


def kind_of(room):
    return "filters/*" if room and room.startswith("filters/") else room


def below(kind):
    """All kinds of room that a room of this kind may include."""
    found = set()
    for lower in DOWN[kind]:
        found |= {lower} | below(lower)
    return found


def may_use(user, used):
    return used == user or kind_of(used) in below(kind_of(user))


def check_file(path, src):
    name = path.relative_to(src).as_posix()
    room = room_of(name)
    if kind_of(room) not in DOWN:
        yield f"src/{name}: is in no room of the architecture"
        return
    for word in VAGUE & {*path.relative_to(src).parts[:-1], path.stem}:
        yield f"src/{name}: `{word}` says nothing. Name it after what it does"
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        bracket, header = match.groups()
        where = f"src/{name}:{number}"
        if bracket == "<":
            if room in PURE and IMPURE_HEADER.fullmatch(header):
                yield f"{where}: {room} is pure and does no I/O, so it does not include <{header}>"
            continue
        used = room_of(header)
        if kind_of(used) not in DOWN:
            yield f'{where}: "{header}" does not start with a room. Write the path from src/'
        elif not may_use(room, used):
            yield f"{where}: {room} may not include {used}: includes only go down"


def check_links(path):
    """The library's DEPS obey the same arrows, so that a forbidden symbol does not link either."""
    for room, arguments in ROOM_CALL.findall(path.read_text()):
        deps = re.search(r"DEPS\s+([^A-Z)]*)", arguments)
        for used in deps.group(1).split() if deps else []:
            if kind_of(used) not in DOWN or not may_use(room, used):
                yield f"src/{room}/CMakeLists.txt: {room} may not link {used}: links only go down"


def check(src):
    errors, files = [], 0
    for path in sorted(src.rglob("*")):
        if path.suffix in (".h", ".cc"):
            files += 1
            errors += check_file(path, src)
        elif path.name == "CMakeLists.txt":
            errors += check_links(path)
    return errors, files


def self_test():
    # file, content, and the words its error must contain (None: it is right)
    cases = [
        ("gateway/a.h", '#include "upstream/lease.h"', None),
        ("gateway/b.cc", '#include "base/error.h"\n#include "gateway/b.h"', None),
        ("filters/access/a.cc", '#include "filters/access/a.h"\n#include "net/loop.h"', None),
        ("app/main.cc", '#include "filters/access/a.h"', None),
        ("filters/auth/a.cc", '#include "jose/token.h"', None),
        ("gateway/d.cc", '#include "jose/token.h"', "gateway may not include jose"),
        ("jose/io.cc", "#include <ctime>", "jose is pure"),
        ("base/a.h", "#include <sys/socket.h>", None),
        ("gateway/CMakeLists.txt", "gatehouse_room(gateway\n  DEPS upstream base LIBS re2::re2)", None),
        ("base/up.h", '#include "net/loop.h"', "base may not include net"),
        ("http/side.cc", '\n #  include "net/loop.h"', "src/http/side.cc:2: http may not include net"),
        ("filters/headers/a.cc", '#include "filters/access/a.h"', "may not include filters/access"),
        ("control/a.cc", '#include "filters/access/a.h"', "control may not include filters/access"),
        ("gateway/c.cc", '#include "control/admin.h"', "gateway may not include control"),
        ("net/a.cc", '#include "loop.h"', "Write the path from src/"),
        ("net/c.cc", '#include "../base/error.h"', "Write the path from src/"),
        ("http/io.cc", "#include <sys/socket.h>", "http is pure"),
        ("net/util.h", "", "says nothing"),
        ("common/a.h", "", "no room"),
        ("upstream/CMakeLists.txt", "gatehouse_room(upstream DEPS base gateway)", "may not link gateway"),
    ]
    failed = 0
    for name, content, expected in cases:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.parent.mkdir(parents=True)
            path.write_text(content)
            errors, _ = check(Path(folder))
        right = not errors if expected is None else len(errors) == 1 and expected in errors[0]
        if not right:
            print(f"{name}: expected {expected or 'no error'}, got {errors or 'none'}")
            failed += 1
    print(f"{len(cases) - failed} passed, {failed} failed")
    return failed


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test() != 0
    errors, files = check(Path(__file__).resolve().parent.parent / "src")
    print("\n".join(errors) if errors else f"{files} files include downwards")
    return bool(errors)


if __name__ == "__main__":
    sys.exit(main())
