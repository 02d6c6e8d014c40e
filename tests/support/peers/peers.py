#!/usr/bin/env python3
"""Restic and Borg on the made-up source of `source.py`: daily backups, a year's retention, what is stored and what is
past its year and still readable.

    peers.py WORK DAYS [CLASS…]     works in the folder WORK (it must be empty), prints a table and writes WORK/peers.json

CLASS is `records`, `system` or both (without a word of it). A folder in memory (/dev/shm) spares the waits for a disk.

The size and the retention are those of `source.py`. Each day one backup of each class into a repository of its own, stamped with the simulated day (`restic backup --time`,
`borg create --timestamp`); each 28th day and at the end `restic forget --keep-within 1y --prune` and
`borg prune --keep-within 1y` with `borg compact` (with KURA_PEERS_MONTHS=1 a month, `1m`, and each seventh day). Borg counts a year from the real day, so its `prune` runs under
`faketime`. Bytes are the sizes of all files of a repository.
"""

import datetime
import json
import os
import pathlib
import subprocess
import sys
import time

import source

KEEP = "1y" if source.MONTHS == 12 else f"{source.MONTHS}m"
EXPIRES_EVERY = 28 if source.MONTHS == 12 else 7
CLASSES = sys.argv[3:] or ["records", "system"]


class Peer:
    """A repository of each class, and what its commands took."""

    def __init__(self, work):
        self.home = work / type(self).__name__.lower()
        self.environment = {**os.environ, "HOME": str(self.home), "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"}
        self.seconds = 0.0
        self.home.mkdir()

    def run(self, *command, cwd=None):
        began = time.monotonic()
        ran = subprocess.run(command, env=self.environment, cwd=cwd, capture_output=True, text=True)
        self.seconds += time.monotonic() - began
        # Borg ends with 1 where it only warns.
        if ran.returncode > 1 or (ran.returncode == 1 and command[0] == "restic"):
            raise SystemExit(f"{command}: {ran.stderr}")
        return ran.stdout

    def stored(self, name):
        return sum(path.stat().st_size for path in (self.home / name).rglob("*") if path.is_file())


class Restic(Peer):
    def __init__(self, work):
        super().__init__(work)
        self.environment["RESTIC_PASSWORD"] = "made up"
        for name in CLASSES:
            self.restic(name, "init", "--repository-version", "2")

    def restic(self, name, *arguments, cwd=None):
        return self.run("restic", "--repo", str(self.home / name), "--quiet", *arguments, cwd=cwd)

    def back_up(self, name, folder, day):
        self.restic(name, "backup", "--time", f"{day} 12:00:00", "--host", "proxy", str(folder))

    def expire(self, name, day):
        self.restic(name, "forget", "--keep-within", KEEP, "--prune")

    def readable(self, name, folder):
        """Every version of a record in any snapshot: its path below the source and the day on which it was sent."""
        found = set()
        for snapshot in json.loads(self.restic(name, "snapshots", "--json")):
            for line in self.restic(name, "ls", "--json", snapshot["id"]).splitlines():
                node = json.loads(line)
                if node.get("type") == "file":
                    found.add((node["path"].removeprefix(str(folder)).lstrip("/"), node["mtime"][:10]))
        return found


class Borg(Peer):
    def __init__(self, work):
        super().__init__(work)
        self.environment.update(BORG_PASSPHRASE="made up", BORG_BASE_DIR=str(self.home / "base"))
        for name in CLASSES:
            self.run("borg", "init", "--encryption", "repokey-blake2", str(self.home / name))

    def back_up(self, name, folder, day):
        archive = f"{self.home / name}::{day}"
        stamp = f"{day}T03:00:00"  # In UTC; noon of Tokyo.
        self.run("borg", "create", "--compression", "zstd,3", "--timestamp", stamp, archive, ".", cwd=folder)

    def expire(self, name, day):
        self.run("faketime", "-f", f"@{day} 12:00:00", "borg", "prune", "--keep-within", KEEP, str(self.home / name))
        self.run("borg", "compact", str(self.home / name))

    def readable(self, name, folder):
        found = set()
        for archive in self.run("borg", "list", "--short", str(self.home / name)).split():
            listed = self.run("borg", "list", "--format", "{type}|{path}|{mtime:%Y-%m-%d}{NL}", f"{self.home / name}::{archive}")
            for line in listed.splitlines():
                kind, path, day = line.split("|")
                if kind == "-":
                    found.add((path.removeprefix("./"), day))
        return found


def main():
    work, days = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2])
    work.mkdir(parents=True, exist_ok=True)
    folder = work / "source"
    peers = [Restic(work), Borg(work)]
    for number in range(days):
        source.apply(folder, number)
        for peer in peers:
            for name in CLASSES:
                peer.back_up(name, folder / name, source.day_of(number))
                if number % EXPIRES_EVERY == EXPIRES_EVERY - 1 or number + 1 == days:
                    peer.expire(name, source.day_of(number))
        if number % 20 == 19:
            print(source.day_of(number), {type(p).__name__: [p.stored(n) for n in CLASSES] for p in peers}, flush=True)
    today, table = source.day_of(days - 1), {}
    for peer in peers:
        row = {"seconds": round(peer.seconds, 1), "stored": {name: peer.stored(name) for name in CLASSES}}
        if "records" in CLASSES:
            readable = peer.readable("records", folder / "records")
            past = {one for one in readable if source.is_past(datetime.date.fromisoformat(one[1]), today)}
            row |= {"readable": len(readable), "past_its_year": len(past)}
        table[type(peer).__name__.lower()] = row
    living = source.living(days - 1)
    table["source"] = {
        "days": days,
        "records_a_day": source.RECORDS,
        "living": len(living),
        "bytes": sum(len(source.text(seed)) for seed in living.values()),
    }
    (work / "peers.json").write_text(json.dumps(table, indent=1))
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
