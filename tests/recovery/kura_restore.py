#!/usr/bin/env python3
"""Restores a snapshot of a Kura repository without Kura.

This program is the proof that what Kura keeps can be had without Kura. It was written from docs/format.md alone and
shares no code with Kura. It needs Python 3.11 and, of other programs, `age`, `age-keygen`, `zstd`, `b3sum` and
`openssl` (3.0 or later), as Debian ships them:

    python3 kura_restore.py STORE_DIR --identity FILE --to DIR
                            [--snapshot latest|PREFIX] [--plan NAME] [--root FINGERPRINT] [--now TIME]

It trusts nothing in the repository that does not hang, by signatures and digests, from the fingerprint of the root
key, and no file gets its name before its bytes have the right BLAKE3 hash. A bucket has to be copied into a folder
first. DIR must be missing or empty. Run as root it restores owners, devices and all extended attributes too.

It ends with 0 and one line that says what was restored, or with 1 and a line that says what is wrong.
Plaintext passes through a folder of DIR that is removed at the end; keys are kept in memory only.
"""

import argparse
import base64
import bisect
import collections
import contextlib
import datetime
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

MIB = 1 << 20
AGE_HEADER_MAX = 16 << 10
PAYLOAD_MAX = 256 * MIB  # an envelope, decompressed
FRAME_MAX = 512 * MIB  # the plaintext of one zstd frame
OPEN_PACKS_MAX = 24  # how many packs lie decompressed in the work folder at a time
BATCH_FILES, BATCH_BYTES = 1000, 256 * MIB  # how much is staged before one b3sum looks at all of it
PATH_BYTES_MAX = 4000  # a little less than Linux takes in one call

REGULAR, DIRECTORY, SYMLINK, FIFO, SOCKET, CHARACTER_DEVICE, BLOCK_DEVICE = range(7)
NONE, OWN, INHERITED, LINK = range(4)
CONTEXT, UNSTABLE, SPARSE, XATTRS, GROUP = 1, 2, 4, 8, 16


class Problem(Exception):
    """What is wrong with the repository, the key or the target."""


def check(is_good, problem):
    if not is_good:
        raise Problem(problem)


def show(path):
    return path.decode("utf-8", "backslashreplace") if isinstance(path, bytes) else path


# --- Other programs ---------------------------------------------------------------------------------------------------


def run(what, *argv, data=None, limit=PAYLOAD_MAX, **more):
    """Runs a program with `data` as its input and gives what it prints, at most `limit` bytes."""
    with contextlib.ExitStack() as stack:
        if data is not None:
            more["stdin"] = stack.enter_context(memory_file(data))
        errors = stack.enter_context(tempfile.TemporaryFile())
        program = stack.enter_context(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=errors, **more))
        output = program.stdout.read(limit + 1)
        if len(output) > limit:
            program.kill()
            raise Problem(f"{what}: larger than {limit} bytes")
        code = program.wait()
        errors.seek(0)
        lines = errors.read(4096).decode("utf-8", "replace").strip().splitlines() or [f"exit code {code}"]
        check(code == 0, f"{what}: {argv[0]}: {lines[0]}")
        return output


def memory_file(data):
    """A file that is nowhere on a disk."""
    file = os.fdopen(os.memfd_create("kura_restore"), "w+b")
    file.write(data)
    file.flush()
    file.seek(0)
    return file


class Identity:
    """Secret age keys, for `age -d`."""

    def __init__(self, text):
        self.text = text
        self.file = memory_file(text)

    def open(self, what, source, limit=PAYLOAD_MAX):
        """The plaintext of an age file: a path, or bytes."""
        number = self.file.fileno()
        command = ["age", "-d", "-i", f"/dev/fd/{number}"]
        if isinstance(source, bytes):
            return run(what, *command, data=source, limit=limit, pass_fds=[number])
        with open(source, "rb") as file:
            header = file.read(AGE_HEADER_MAX)
        check(b"\n--- " in header, f"{what}: no age file, or its header is too long")
        return run(what, *command, os.fspath(source), limit=limit, pass_fds=[number])

    def public(self, what):
        return run(what, "age-keygen", "-y", data=self.text).decode().strip()


def b3sum(paths, length=32, key=None):
    """BLAKE3 of files, keyed if there is a key: one b3sum for all of them, the results in the same order."""
    digests = []
    for start in range(0, len(paths), BATCH_FILES):
        batch = paths[start : start + BATCH_FILES]
        command = ["b3sum", "--no-names", "--length", str(length)] + (["--keyed"] if key else [])
        output = run("hashing", *command, "--", *batch, data=key)
        digests += [bytes.fromhex(line) for line in output.decode().split()]
    check(len(digests) == len(paths), "b3sum gave too few hashes")
    return digests


def b3sum_of(pieces, work, length, key):
    """Keyed BLAKE3 of byte strings. Each is a file for a moment, as b3sum wants it."""
    digests = []
    folder = os.path.join(work, b"hash")
    for start in range(0, len(pieces), BATCH_FILES):
        os.mkdir(folder)
        paths = []
        for number, piece in enumerate(pieces[start : start + BATCH_FILES]):
            paths.append(os.path.join(folder, b"%d" % number))
            with open(paths[-1], "wb") as file:
                file.write(piece)
        digests += b3sum(paths, length, key)
        shutil.rmtree(folder)
    return digests


# --- JSON records and signatures --------------------------------------------------------------------------------------


def no_twins(pairs):
    record = dict(pairs)
    check(len(record) == len(pairs), "a record has a field twice")
    return record


def read_json(what, data, **fields):
    """A JSON object with exactly these fields. `format` is looked at first."""
    try:
        record = json.loads(data.decode("utf-8"), object_pairs_hook=no_twins)
    except ValueError as error:
        raise Problem(f"{what}: no JSON: {error}") from None
    if "format" in fields and isinstance(record, dict):
        check(record.get("format") == 1, f"{what}: format {record.get('format')!r}; this program reads format 1")
    return check_fields(what, record, **fields)


def there(data, **fields):
    """Those of the fields that a record has: some are missing where there is nothing to say."""
    try:
        record = json.loads(data.decode("utf-8"))
    except ValueError:
        return {}
    return {name: kind for name, kind in fields.items() if isinstance(record, dict) and name in record}


def check_fields(what, record, **fields):
    check(isinstance(record, dict), f"{what}: not an object")
    check(record.keys() == fields.keys(), f"{what}: fields {sorted(record.keys() ^ fields.keys())} unknown or missing")
    for name, kind in fields.items():
        value = record[name]
        is_good = isinstance(value, kind) and not isinstance(value, bool)
        check(is_good and not (isinstance(value, int) and value < 0), f"{what}: {name} is {value!r}")
    return record


def from_base64(what, text, size=None):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Problem(f"{what}: no base64") from None
    check(size in (None, len(data)), f"{what}: {len(data)} bytes where {size} belong")
    return data


def is_signature(public_key, signature, message, work):
    """Whether openssl finds an Ed25519 signature good."""
    der = bytes.fromhex("302a300506032b6570032100") + public_key
    pem = b"-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n" % base64.b64encode(der)
    paths = []
    for name, data in [(b"key", pem), (b"signature", signature), (b"message", message)]:
        paths.append(os.path.join(work, name))
        with open(paths[-1], "wb") as file:
            file.write(data)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-rawin", "-inkey", paths[0], "-sigfile", paths[1]]
    result = subprocess.run([*command, "-in", paths[2]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return result.returncode == 0


def open_envelope(what, data, kind, keys, work):
    """The payload of an envelope, and which of the keys signed it."""
    envelope = read_json(what, data, payloadType=str, payload=str, signatures=list)
    expected = f"application/vnd.kura.{kind}"
    check(envelope["payloadType"] == expected, f"{what}: is {envelope['payloadType']!r}, not {expected!r}")
    payload = from_base64(what, envelope["payload"])
    message = b"DSSEv1 %d %s %d %s" % (len(expected), expected.encode(), len(payload), payload)
    for signature in envelope["signatures"][:8]:
        check_fields(what, signature, keyid=str, sig=str)
        bytes_ = from_base64(what, signature["sig"], 64)
        # The key id is only a hint: the key it means is tried first.
        for key in sorted(keys, key=lambda key: hashlib.sha256(key).hexdigest()[:16] != signature["keyid"]):
            if is_signature(key, bytes_, message, work):
                return payload, key
    raise Problem(f"{what}: no good signature by a key that may sign it")


def read_time(what, text):
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise Problem(f"{what}: {text!r} is no time") from None
    check(time.tzinfo is not None, f"{what}: {text!r} has no time zone")
    return time


# --- The repository ---------------------------------------------------------------------------------------------------


class Repository:
    """What the root key and the recovery key vouch for."""

    def __init__(self, store, identity_file, fingerprint, work):
        self.store, self.work = store, work
        self.now = datetime.datetime.now(datetime.timezone.utc)
        self.identity = Identity(read_identity_file(identity_file))
        named = re.search(rb"^# kura-root: *(sha256:[0-9a-f]{64})\s*$", self.identity.text, re.MULTILINE)
        named = named and named[1].decode()
        if fingerprint:
            check(named in (None, fingerprint), f"{identity_file} names the root {named}, not {fingerprint}")
        root = fingerprint or named
        check(root, f"{identity_file} has no `# kura-root:` line; give the fingerprint with --root")

        name, data = self.newest("kura", r"(\d+)\.json")[0]
        record = read_json(name, self.unverified_payload(name, data), format=int, repository=str, root=str, catalog=str,
                           created=str)
        root_key = from_base64(name, record["root"], 32)
        found = "sha256:" + hashlib.sha256(root_key).hexdigest()
        check(found == root, f"{name}: the root key is {found}, not {root}: another repository, or a forged one")
        open_envelope(name, data, "repository+json", [root_key], work)
        self.id, self.catalog, self.root_key = record["repository"], record["catalog"], root_key
        self.host_keys = self.read_host_keys(root_key)
        self.read_catalog_secrets()

    def path(self, name):
        return os.path.join(self.store, name)

    def read(self, name, limit=PAYLOAD_MAX):
        try:
            with open(self.path(name), "rb") as file:
                data = file.read(limit + 1)
        except FileNotFoundError:
            raise Problem(f"{name} is missing") from None
        check(len(data) <= limit, f"{name}: larger than {limit} bytes")
        return data

    def names(self, folder):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return os.listdir(self.path(folder))
        return []

    def newest(self, folder, pattern):
        """Objects (name, bytes) whose numbers are in their names, the highest first."""
        found = [(int(match[1]), name) for name in self.names(folder) if (match := re.fullmatch(pattern, name))]
        check(found, f"no object {folder}/{pattern} in {self.store}: is this a Kura repository?")
        return [(f"{folder}/{name}", self.read(f"{folder}/{name}")) for _, name in sorted(found, reverse=True)]

    @staticmethod
    def unverified_payload(name, data):
        """For the repository record only, whose key stands in itself and is checked by its fingerprint."""
        envelope = read_json(name, data, payloadType=str, payload=str, signatures=list)
        return from_base64(name, envelope["payload"])

    def read_host_keys(self, root_key):
        """{raw key: (valid from, valid until or None)} of the record of the highest version."""
        records, problems = [], []
        for name, data in self.newest("keys", r"signing-(\d+)\.json"):
            try:
                payload, _ = open_envelope(name, data, "signing-keys+json", [root_key], self.work)
                record = read_json(name, payload, repository=str, version=int, keys=list)
                check(record["repository"] == self.id, f"{name}: of another repository")
                records.append((record["version"], name, record["keys"]))
            except Problem as problem:
                problems.append(str(problem))
        check(records, "; ".join(problems))
        _, name, entries = max(records, key=lambda record: record[0])
        keys = {}
        for entry in entries:
            check_fields(name, entry, key=str, valid_from=str, valid_until=(str, type(None)))
            until = entry["valid_until"]
            times = read_time(name, entry["valid_from"]), until and read_time(name, until)
            keys[from_base64(name, entry["key"], 32)] = times
        return keys

    def read_catalog_secrets(self):
        problems = []
        for name, _ in self.newest("keys", r"catalog-(\d+)\.age"):
            try:
                plain = self.identity.open(name, self.path(name))
                # The first does not say for which set of recovery keys it is.
                of_set = {"set": int} if b'"set"' in plain else {}
                secrets = read_json(name, plain, repository=str, catalog_identity=str, chunk_key=str, gear_seed=str,
                                    **of_set)
                check(secrets["repository"] == self.id, f"{name}: of another repository")
                identity = Identity(secrets["catalog_identity"].encode() + b"\n")
                check(identity.public(name) == self.catalog, f"{name}: not the catalog key that the root key signed")
                check(re.fullmatch("[0-9a-f]{64}", secrets["chunk_key"]), f"{name}: no chunk-id key")
            except Problem as problem:
                problems.append(str(problem))
                continue
            self.catalog_identity = identity
            self.chunk_key = bytes.fromhex(secrets["chunk_key"])
            context = "kura 2026-11 path digest v1"
            self.path_key = run("the path key", "b3sum", "--raw", "--derive-key", context, data=self.chunk_key)
            return
        raise Problem("; ".join(problems))

    def open_sealed(self, name, kind):
        """Payload and signer of a snapshot or an index object, whose name ends with its SHA-256."""
        data = self.read(name)
        check(hashlib.sha256(data).hexdigest() == name[-64:], f"{name}: damaged: its SHA-256 is another")
        frame = self.catalog_identity.open(name, self.path(name))
        envelope = run(name, "zstd", "-dcq", data=frame)
        return open_envelope(name, envelope, kind, self.host_keys, self.work)

    def plans(self):
        names = [name for name in self.names("") if re.fullmatch("[a-z0-9][a-z0-9-]{0,62}", name)]
        return sorted(name for name in names if self.names(f"{name}/snapshots"))

    def path_digests(self, paths):
        return dict(zip(paths, b3sum_of(paths, self.work, 16, self.path_key)))


def read_identity_file(path):
    with open(path, "rb") as file:
        text = file.read()
    if text.lstrip().startswith((b"-----BEGIN AGE ENCRYPTED FILE-----", b"age-encryption.org/")):
        text = run(path, "age", "-d", path)  # asks for the passphrase at the terminal
    return text


# --- Snapshots --------------------------------------------------------------------------------------------------------


LOCATION = dict(pack=str, pack_bytes=int, header_bytes=int, frame_offset=int, frame_bytes=int, plain_bytes=int,
                chunk=str)


def find_snapshot(repository, plan, wanted):
    """The wanted snapshot: one named by its id as it is, the newest after a check that the chain is whole."""
    listed = []
    for name in repository.names(f"{plan}/snapshots"):
        if match := re.fullmatch(r"(\d{10}|[1-9]\d{10,})-([0-9a-f]{64})", name):
            listed.append((int(match[1]), match[2], f"{plan}/snapshots/{name}"))
    listed.sort()
    check(listed, f"the plan {plan} has no snapshots")
    if wanted != "latest":
        found = [entry for entry in listed
                 if entry[1].startswith(wanted) or os.path.basename(entry[2]).startswith(wanted)]
        check(len(found) == 1, f"{len(found)} snapshots of {plan} begin with {wanted!r}")
        return read_snapshot(repository, plan, *found[0])

    listed = settle_chain(repository, plan, listed)
    check(listed, f"the plan {plan} has no snapshot that is to be trusted")
    for before, after in zip(listed, listed[1:]):
        check(after[0] <= before[0] + 1, f"the chain of {plan} is broken between {before[2]} and {after[2]}")
    snapshot = read_snapshot(repository, plan, *listed[-1])
    earlier = [entry for entry in listed if entry[0] < listed[-1][0]]
    parents = [digest for sequence, digest, _ in earlier if sequence == earlier[-1][0]]
    check(not parents or snapshot["parent"] in parents, f"{listed[-1][2]}: its parent is not the snapshot before it")
    return snapshot


def settle_chain(repository, plan, listed):
    """Leaves aside what does not verify, where several objects have one sequence or one stands beyond a gap."""
    def taken_at(entry):
        try:
            return read_snapshot(repository, plan, *entry)["taken_at"]
        except Problem as problem:
            print(f"left aside: {problem}", file=sys.stderr)
            return None

    chain = []
    for sequence in sorted({entry[0] for entry in listed}):
        group = [entry for entry in listed if entry[0] == sequence]
        if len(group) > 1:
            timed = [(taken_at(entry), entry) for entry in group]
            group = [entry for at, entry in sorted(pair for pair in timed if pair[0])]
        chain += group
    while len(chain) > 1 and chain[-1][0] > chain[-2][0] + 1 and taken_at(chain[-1]) is None:
        chain.pop()
    return chain


def read_snapshot(repository, plan, sequence, digest, name):
    """A snapshot with the cohorts that it takes from its base. A base that is past its time may be gone."""
    snapshot = read_listed(repository, plan, sequence, digest, name)
    base = snapshot.get("base")
    snapshot["is_base_gone"] = False
    if not base:
        return snapshot
    is_over = read_time(name, base["delete_from"]) <= repository.now
    base_name = f"{plan}/snapshots/{base['sequence']:010}-{base['digest']}"
    try:
        whole = read_listed(repository, plan, base["sequence"], base["digest"], base_name)
    except Problem as problem:
        check(is_over, f"{name}: lists only what differs from its base, and that cannot be used: {problem}")
        snapshot["is_base_gone"] = True
        return snapshot
    check(not whole.get("base") and base["sequence"] < sequence, f"{name}: its base is no whole snapshot before it")
    cohorts = {cohort["cohort"]: cohort for cohort in whole["cohorts"]}
    own = {cohort["cohort"]: cohort for cohort in snapshot["cohorts"]}
    for gone in snapshot.get("gone", []):
        check(gone in cohorts and gone not in own, f"{name}: says that {gone!r} is gone")
        del cohorts[gone]
    cohorts.update(own)
    snapshot["cohorts"] = sorted(cohorts.values(), key=lambda cohort: clock_day(cohort["cohort"]))
    return snapshot


def read_listed(repository, plan, sequence, digest, name):
    """A snapshot as it is written."""
    payload, signer = repository.open_sealed(name, "snapshot+json")
    optional = (dict, type(None))
    # There were no erasure orders when it was taken, or it says how far they went.
    # It lists every cohort, or says on which other one it builds.
    head = there(payload, erasures=dict, base=dict, gone=list)
    snapshot = read_json(
        name, payload, **head, format=int, repository=str, plan=str, sequence=int, parent=(str, type(None)), taken_at=str,
        day=str, event=str, completeness=str, sources=int, cohorts=list, directories=optional, report=optional,
        files=int, bytes=int, skipped=int, **{"class": str})
    check(snapshot["repository"] == repository.id and snapshot["plan"] == plan and snapshot["sequence"] == sequence,
          f"{name}: is of another repository, plan or sequence")
    check(snapshot["sequence"] > 1 or snapshot["parent"] is None, f"{name}: the first snapshot has a parent")
    taken_at = read_time(name, snapshot["taken_at"])
    valid_from, valid_until = repository.host_keys[signer]
    check(valid_from <= taken_at and (valid_until is None or taken_at <= valid_until),
          f"{name}: taken at {snapshot['taken_at']}, when the key that signed it did not count")
    for cohort in snapshot["cohorts"]:
        check_fields(name, cohort, cohort=str, key=str, key_number=int, parts=list, indexes=list, files=int, bytes=int,
                     delete_from=str)
        is_good = re.fullmatch(r"sent-\d{4}-\d\d-\d\d|gen-\d{4}-(\d\d|q[1-4])", cohort["cohort"])
        check(is_good, f"{name}: a cohort is called {cohort['cohort']!r}")
        for location in cohort["parts"]:
            check_fields(name, location, **LOCATION)
    for extra in ("directories", "report"):
        if snapshot[extra]:
            check_fields(name, snapshot[extra], cohort=str, location=dict)
            check_fields(name, snapshot[extra]["location"], **LOCATION)
    if "erasures" in head:
        check_fields(name, snapshot["erasures"], number=int, digest=str)
    if "base" in head:
        check_fields(name, snapshot["base"], sequence=int, digest=str, delete_from=str)
        check(re.fullmatch("[0-9a-f]{64}", snapshot["base"]["digest"]), f"{name}: no digest of a base")
    snapshot["name"], snapshot["digest"] = name, digest
    return snapshot


# --- Erasure orders ---------------------------------------------------------------------------------------------------


def read_erasures(repository, plan, snapshot):
    """[(last clock day that is covered, {path digests})] of the orders in force. None may be missing."""
    orders, digests = {}, []
    listed = sorted(name for name in repository.names(f"{plan}/erasures")
                    if re.fullmatch(r"\d{10}|[1-9]\d{10,}", name))
    for number, listed_name in enumerate(listed, 1):
        name = f"{plan}/erasures/{listed_name}"
        check(int(listed_name) == number, f"erasure order {number} of {plan} is missing: nothing is restored")
        data = repository.read(name)
        envelope = run(name, "zstd", "-dcq", data=repository.catalog_identity.open(name, repository.path(name)))
        payload, signer = open_envelope(name, envelope, "erasure+json", repository.host_keys, repository.work)
        record = read_json(name, payload, format=int, repository=str, plan=str, number=int,
                           previous=(str, type(None)), act=dict, reason=str, by=str, at=str)
        said = record["repository"], record["plan"], record["number"], record["previous"]
        expected = repository.id, plan, number, digests[-1] if digests else None
        check(said == expected, f"{name}: is of another place, or does not follow the order before it")
        valid_from, valid_until = repository.host_keys[signer]
        at = read_time(name, record["at"])
        check(valid_from <= at and (valid_until is None or at <= valid_until), f"{name}: its key did not count then")
        digests.append(hashlib.sha256(data).hexdigest())
        (kind, act), = record["act"].items()
        if kind == "order":
            check_fields(name, act, paths=list, through=str)
            orders[number] = datetime.date.fromisoformat(act["through"]), {bytes.fromhex(p) for p in act["paths"]}
        else:
            check(kind == "revoke" and check_fields(name, act, number=int)["number"] in orders, f"{name}: what is {kind}?")
            del orders[act["number"]]
    try:
        newest = find_snapshot(repository, plan, "latest")
    except Problem:  # a snapshot that was named by its id is restored although the chain is broken
        newest = snapshot
    for head in filter(None, (snapshot.get("erasures"), newest.get("erasures"))):
        known = 0 < head["number"] <= len(digests) and digests[head["number"] - 1] == head["digest"]
        check(known, f"erasure order {head['number']} of {plan} is missing or was replaced: nothing is restored")
    return list(orders.values())


def clock_day(cohort):
    """The day that a cohort counts from; of a generation its last."""
    if cohort.startswith("sent-"):
        return datetime.date.fromisoformat(cohort[5:])
    year, part = cohort[4:].split("-")
    month = int(part[1:]) * 3 if part.startswith("q") else int(part)
    return datetime.date(int(year) + month // 12, month % 12 + 1, 1) - datetime.timedelta(days=1)


def leave_out(repository, cohort, merged, orders):
    """Removes the entries of a cohort that orders cover; how many files that are, and their bytes."""
    day = clock_day(cohort)
    covered = set().union(*[digests for through, digests in orders if day <= through])
    if not covered:
        return 0, 0
    def above(path):
        parts = path.split(b"/")
        return [b"/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    digest_of = repository.path_digests(sorted({prefix for path in merged for prefix in above(path)}))
    def is_covered(path):
        return any(digest_of[prefix] in covered for prefix in above(path))
    gone = {path for path, entry in merged.items()
            if is_covered(path) or entry.content == LINK and is_covered(entry.leader)}
    entries = [entry for entry in map(merged.pop, gone) if entry.kind != DIRECTORY]
    return len(entries), sum(entry.size for entry in entries if entry.kind == REGULAR)


# --- Packs ------------------------------------------------------------------------------------------------------------


Frame = collections.namedtuple("Frame", "pack pack_bytes offset length plain_length")


class Cohort:
    """The packs of one cohort, and the key that opens them."""

    def __init__(self, repository, plan, record):
        self.repository, self.record, self.work = repository, record, repository.work
        self.folder = f"{plan}/{record['cohort']}"
        name = f"{self.folder}/key-{record['key_number']}.json"
        data = repository.read(name)
        check(hashlib.sha256(data).hexdigest() == record["key"], f"{name}: not the one that the snapshot names")
        key = self.read_key(plan, name, data)
        try:
            self.identity = self.open_identity(name, key)
        except Problem as problem:
            self.identity = self.sealed_again(plan, name, key["recipient"], problem)
        self.open_packs = collections.OrderedDict()  # name: (file of plaintext, {frame offset: its place})

    def read_key(self, plan, name, data):
        """A key object of the cohort: signed by a host, or, sealed again, by the root key."""
        repository = self.repository
        signers = [*repository.host_keys, repository.root_key]
        payload, _ = open_envelope(name, data, "cohort-key+json", signers, self.work)
        key = read_json(name, payload, repository=str, plan=str, cohort=str, set=int, recipient=str,
                        sealed_identity=str)
        said = key["repository"], key["plan"], key["cohort"]
        check(said == (repository.id, plan, self.record["cohort"]), f"{name}: is of another cohort")
        return key

    def open_identity(self, name, key):
        identity = Identity(self.repository.identity.open(name, key["sealed_identity"].encode(), 64 << 10))
        check(identity.public(name) == key["recipient"], f"{name}: holds another key than it says")
        return identity

    def sealed_again(self, plan, named, recipient, problem):
        """The same identity in another key object, for a recovery key that does not open the one that is named."""
        for name, data in self.repository.newest(self.folder, r"key-(\d+)\.json"):
            if name == named:
                continue
            try:
                key = self.read_key(plan, name, data)
                if key["recipient"] == recipient:
                    return self.open_identity(name, key)
            except Problem:
                continue
        raise problem

    def close(self):
        while self.open_packs:
            self.close_oldest()

    def close_oldest(self):
        _, (file, _) = self.open_packs.popitem(last=False)
        file.close()

    def open_pack(self, name, size):
        """Checks, decrypts and decompresses a whole pack, unless that was done a moment ago."""
        if name in self.open_packs:
            self.open_packs.move_to_end(name)
            return self.open_packs[name]
        while len(self.open_packs) >= OPEN_PACKS_MAX:
            self.close_oldest()
        what = f"{self.folder}/packs/{name}"
        try:
            with open(self.repository.path(what), "rb") as file:
                found = os.fstat(file.fileno()).st_size
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise Problem(f"{what} is missing") from None
        check(found == size, f"{what}: damaged: {found} bytes where {size} belong")
        check(digest == name, f"{what}: damaged: its SHA-256 is {digest}")
        payload = self.identity.open(what, self.repository.path(what), size)
        frames = walk_frames(what, payload)
        file = tempfile.TemporaryFile(dir=self.work)
        with memory_file(payload) as compressed:
            result = subprocess.run(["zstd", "-dcq"], stdin=compressed, stdout=file, stderr=subprocess.PIPE)
        check(result.returncode == 0, f"{what}: zstd: {result.stderr.decode('utf-8', 'replace').strip()}")
        total = sum(length for _, _, length in frames.values())
        check(os.fstat(file.fileno()).st_size == total, f"{what}: frames hold more or less than they say")
        self.open_packs[name] = file, frames
        return self.open_packs[name]

    def read(self, frame, offset, length):
        """Bytes of the plaintext of a frame."""
        what = f"{self.folder}/packs/{frame.pack}: frame at {frame.offset}"
        file, frames = self.open_pack(frame.pack, frame.pack_bytes)
        check(frame.offset in frames, f"{what}: there is none")
        compressed, start, plain = frames[frame.offset]
        check((compressed, plain) == (frame.length, frame.plain_length), f"{what}: has another length")
        check(offset + length <= plain, f"{what}: too short for what it should hold")
        data = os.pread(file.fileno(), length, start + offset)
        check(len(data) == length, f"{what}: cannot be read")
        return data

    def read_located(self, location):
        return self.read(frame_of(location), 0, location["plain_bytes"])

    def check_chunks(self, what, chunks):
        """Compares the ids of manifest chunks [(id in hexadecimal, bytes)] with what they should be."""
        found = b3sum_of([data for _, data in chunks], self.work, 32, self.repository.chunk_key)
        for (expected, _), digest in zip(chunks, found):
            check(digest.hex() == expected, f"{self.folder}: {what} with the chunk id {digest.hex()}, not {expected}")


def frame_of(location):
    return Frame(location["pack"], location["pack_bytes"], location["frame_offset"], location["frame_bytes"],
                 location["plain_bytes"])


def walk_frames(what, payload):
    """{offset: (compressed length, offset in the plaintext, plain length)} of the zstd frames of a payload."""
    frames, at, plain_at = {}, 0, 0

    def number(offset, size):
        check(offset + size <= len(payload), f"{what}: a zstd frame is cut off")
        return int.from_bytes(payload[offset : offset + size], "little")

    while at < len(payload):
        start, magic = at, number(at, 4)
        if magic & 0xFFFFFFF0 == 0x184D2A50:  # skippable: the pack's own index, and padding
            at += 8 + number(at + 4, 4)
            check(at <= len(payload), f"{what}: a skippable frame is cut off")
            continue
        check(magic == 0xFD2FB528, f"{what}: no zstd frame at {at}")
        descriptor = number(at + 4, 1)
        is_single = bool(descriptor & 0x20)
        size_bytes = [1 if is_single else 0, 2, 4, 8][descriptor >> 6]
        check(size_bytes > 0, f"{what}: a frame does not state its size")
        at += 5 + (0 if is_single else 1) + [0, 1, 2, 4][descriptor & 3]
        plain = number(at, size_bytes) + (256 if size_bytes == 2 else 0)
        check(plain <= FRAME_MAX, f"{what}: a frame of {plain} bytes")
        at += size_bytes
        is_last = False
        while not is_last:
            block = number(at, 3)
            is_last, kind, length = block & 1, block >> 1 & 3, block >> 3
            at += 3 + (1 if kind == 1 else length)
        at += 4 if descriptor & 4 else 0
        check(at <= len(payload), f"{what}: a zstd frame is cut off")
        frames[start] = at - start, plain_at, plain
        plain_at += plain
    return frames


# --- Binary records ---------------------------------------------------------------------------------------------------


class Record:
    """Reads the fields of a binary record one after the other."""

    def __init__(self, what, data):
        self.what, self.data, self.at = what, data, 0
        check(self.byte() == 1, f"{what}: of a version that this program does not know")

    def raw(self, length):
        check(length <= len(self.data) - self.at, f"{self.what}: ends too early")
        self.at += length
        return self.data[self.at - length : self.at]

    def byte(self):
        return self.raw(1)[0]

    def number(self, bits=64):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            check(shift < 70, f"{self.what}: an endless number")
        check(value < 1 << bits, f"{self.what}: a number is too large")
        return value

    def number32(self):
        return self.number(32)

    def signed(self):
        value = self.number()
        return (value >> 1) ^ -(value & 1)

    def bytes(self):
        return self.raw(self.number())

    def things(self):
        """A count of things that follow, as a range to go through."""
        count = self.number()
        check(count <= len(self.data) - self.at, f"{self.what}: counts more than it holds")
        return range(count)

    def attributes(self):
        return [(self.bytes(), self.bytes()) for _ in self.things()]

    def end(self):
        check(self.at == len(self.data), f"{self.what}: something follows its end")


class Entry:
    """What a manifest says of one path."""

    __slots__ = ("path", "kind", "content", "flags", "mode", "uid", "gid", "time", "size", "hash", "target", "leader",
                 "device", "group", "extents", "attributes", "data")

    def data_length(self):
        return sum(length for _, length in self.extents) if self.flags & SPARSE else self.size


class Stream:
    """The chunks of a block, one after the other. Streams are numbered in the order in which they were read."""

    made = 0

    def __init__(self, cohort, chunks):
        self.cohort, self.chunks, self.starts, self.length = cohort, chunks, [], 0
        Stream.made += 1
        self.number = Stream.made
        for _, _, length in chunks:
            self.starts.append(self.length)
            self.length += length

    def pieces(self, start, length):
        """The bytes from `start` on, chunk by chunk."""
        number = bisect.bisect_right(self.starts, start) - 1
        while length > 0:
            frame, offset, size = self.chunks[number]
            skip = start - self.starts[number]
            take = min(length, size - skip)
            if take > 0:
                yield self.cohort.read(frame, offset + skip, take)
            start, length, number = start + take, length - take, number + 1


Part = collections.namedtuple("Part", "packs blocks gone")
Listed = collections.namedtuple("Listed", "frame chunk entries first last")


def read_part(what, data, location):
    record = Record(what, data)
    packs, before = {}, -1
    for _ in record.things():
        number, name, size, _header = record.number32(), record.raw(32), record.number(), record.number32()
        check(number > before, f"{what}: its packs are out of order")
        before = number
        packs[number] = (location["pack"], location["pack_bytes"]) if name == bytes(32) else (name.hex(), size)
    blocks = []
    for _ in record.things():
        frame = read_frame(record, packs)
        listed = Listed(frame, record.raw(32).hex(), record.number(), record.bytes(), record.bytes())
        check(not blocks or order(blocks[-1].last) < order(listed.first), f"{what}: its blocks are out of order")
        blocks.append(listed)
    gone = {record.raw(16) for _ in record.things()}
    record.end()
    return Part(packs, blocks, gone)


def read_frame(record, packs):
    number = record.number32()
    check(number in packs, f"{record.what}: names a pack that is not listed")
    return Frame(*packs[number], record.number(), record.number32(), record.number32())


def order(path):
    """The order of paths: byte by byte, `/` before all others. Paths hold no zero byte."""
    return path.replace(b"/", b"\0")


def check_path(what, path):
    parts = path.split(b"/")
    is_good = b"\0" not in path and not any(part in (b"", b".", b"..") for part in parts)
    check(is_good, f"{what}: the path {show(path)!r} is not allowed")
    return path


def read_block(what, cohort, packs, listed, data):
    """The entries of a block."""
    record = Record(what, data)
    frames = [read_frame(record, packs) for _ in record.things()]
    chunks = []
    for _ in record.things():
        number, offset, length = record.number32(), record.number32(), record.number32()
        check(number < len(frames) and offset + length <= frames[number].plain_length, f"{what}: a chunk is nowhere")
        chunks.append((frames[number], offset, length))
    stream = Stream(cohort, chunks)
    for _ in range(2):  # names of users and of groups: the numbers are what counts
        for _ in record.things():
            record.number32(), record.bytes()

    entries = [Entry() for _ in record.things()]
    check(len(entries) == listed.entries and entries, f"{what}: {len(entries)} entries where {listed.entries} belong")
    path = b""
    for number, entry in enumerate(entries):
        shared = record.number()
        check(shared <= len(path), f"{what}: a path shares more than there is")
        entry.path = check_path(what, path[:shared] + record.bytes())
        check(number == 0 or order(path) < order(entry.path), f"{what}: its paths are out of order")
        path = entry.path
    check((entries[0].path, path) == (listed.first, listed.last), f"{what}: holds other paths than its part says")
    for entry in entries:
        byte = record.byte()
        entry.kind, entry.content = byte & 15, byte >> 4
        check(entry.kind <= 6 and entry.content <= 3 and (entry.kind == REGULAR) == (entry.content != NONE),
              f"{what}: {show(entry.path)} is of a kind that this program does not know")
    for entry in entries:
        entry.flags = record.byte()
        check(entry.flags < 32, f"{what}: {show(entry.path)} has flags that this program does not know")
    for entry in entries:
        entry.mode = record.number32() & 0o7777
    for entry in entries:
        entry.uid = record.number32()
    for entry in entries:
        entry.gid = record.number32()
    seconds = 0
    for entry in entries:
        seconds = (seconds + record.signed() + (1 << 63)) % (1 << 64) - (1 << 63)
        entry.time = seconds * 10**9
    for entry in entries:
        nanoseconds = record.number32()
        check(nanoseconds < 10**9, f"{what}: a time of {show(entry.path)}")
        entry.time += nanoseconds
    for entry in entries:
        entry.size = record.number() if entry.kind == REGULAR else None
    for entry in entries:
        entry.hash = record.raw(32) if entry.kind == REGULAR else None
    for entry in entries:
        entry.target = record.bytes() if entry.kind == SYMLINK else None
        entry.leader = record.bytes() if entry.content == LINK else None
        entry.device = record.number() if entry.kind in (CHARACTER_DEVICE, BLOCK_DEVICE) else None
        entry.group = record.raw(16) if entry.flags & GROUP else None
        entry.extents, end = [], 0
        if entry.flags & SPARSE:
            for _ in record.things():
                start = end + record.number()
                end = start + record.number()
                entry.extents.append((start, end - start))
            check(entry.kind == REGULAR and end <= entry.size, f"{what}: extents of {show(entry.path)} beyond its size")
        entry.attributes = record.attributes() if entry.flags & XATTRS else []
    record.end()

    used = 0
    for entry in entries:
        entry.data = None
        if entry.content == OWN:
            entry.data = stream, used
            used += entry.data_length()
    check(used <= stream.length, f"{what}: its chunks are too short for its files")
    return entries


# --- Merging ----------------------------------------------------------------------------------------------------------


def merge_parts(cohort):
    """{path: entry} of a cohort: its parts, the newest over the older ones."""
    locations = cohort.record["parts"]
    plains = [cohort.read_located(location) for location in locations]
    cohort.check_chunks("a manifest part", [(at["chunk"], plain) for at, plain in zip(locations, plains)])
    merged, with_bytes, digests = {}, {}, {}
    for number, (location, plain) in enumerate(zip(locations, plains)):
        what = f"{cohort.folder}: manifest part {number}"
        part = read_part(what, plain, location)
        if part.gone:
            digests.update(cohort.repository.path_digests([path for path in merged if path not in digests]))
            for path in [path for path in merged if digests[path] in part.gone]:
                del merged[path]
        blocks = [cohort.read(block.frame, 0, block.frame.plain_length) for block in part.blocks]
        cohort.check_chunks("a block", [(block.chunk, plain) for block, plain in zip(part.blocks, blocks)])
        for block, plain in zip(part.blocks, blocks):
            for entry in read_block(f"{what}: block", cohort, part.packs, block, plain):
                if entry.content == OWN:
                    with_bytes[entry.path] = entry
                elif entry.content == INHERITED:
                    earlier = with_bytes.get(entry.path)
                    check(earlier and earlier.hash == entry.hash and earlier.data_length() == entry.data_length(),
                          f"{what}: {show(entry.path)} should have the bytes of an earlier part, which has others")
                    entry.data = earlier.data
                merged[entry.path] = entry
    for entry in merged.values():
        if entry.content == LINK:
            leader = merged.get(entry.leader)
            check(leader and leader.data and leader.hash == entry.hash,
                  f"{cohort.folder}: {show(entry.path)} is a link to {show(entry.leader)}, which is not the same file")
    others = [entry for entry in merged.values() if entry.kind != DIRECTORY]
    size = sum(entry.size for entry in others if entry.kind == REGULAR)
    check((len(others), size) == (cohort.record["files"], cohort.record["bytes"]),
          f"{cohort.folder}: its manifest has {len(others)} files of {size} bytes, not what the snapshot says")
    return merged


def merge_cohorts(cohorts, orders):
    """All that is not a directory, the newest cohort first; {path: entry} of directories; what orders keep back."""
    files, paths, directories, erased = [], set(), {}, (0, 0)
    for cohort in cohorts:  # oldest first
        here = []
        merged = merge_parts(cohort)
        count, size = leave_out(cohort.repository, cohort.record["cohort"], merged, orders)
        erased = erased[0] + count, erased[1] + size
        for path, entry in merged.items():
            if entry.kind != DIRECTORY:
                check(path not in paths, f"{show(path)} stands in two cohorts")
                paths.add(path)
                here.append(entry)
            elif path not in directories or not entry.flags & CONTEXT or directories[path].flags & CONTEXT:
                directories[path] = entry
        files = here + files
    return files, directories, erased


def read_directory_metadata(cohort, location):
    """{path digest: entry without a path}"""
    plain = cohort.read_located(location)
    cohort.check_chunks("directory metadata", [(location["chunk"], plain)])
    record = Record(f"{cohort.folder}: directory metadata", plain)
    found = {}
    for _ in record.things():
        digest, entry = record.raw(16), Entry()
        entry.kind = DIRECTORY
        entry.mode, entry.uid, entry.gid = record.number32() & 0o7777, record.number32(), record.number32()
        entry.time = record.signed() * 10**9 + record.number32()
        entry.attributes = record.attributes()
        found[digest] = entry
    record.end()
    return found


# --- Writing ----------------------------------------------------------------------------------------------------------


class Writer:
    """Writes entries below a folder that was empty, so no link is there until the last step makes them."""

    def __init__(self, to, work, root_path):
        self.to, self.root_path = to, root_path
        self.stage = os.path.join(work, b"stage")
        os.mkdir(self.stage)
        self.made = {to}
        self.staged, self.staged_bytes = [], 0
        self.is_root = os.geteuid() == 0
        self.left_out = 0
        self.held = collections.deque()

    def target(self, path):
        """Where a path goes. With one source, its name is left out."""
        if self.root_path is None:
            return os.path.join(self.to, path)
        if path == self.root_path:
            return self.to
        check(path.startswith(self.root_path + b"/"), f"{show(path)}: not below {show(self.root_path)}")
        return os.path.join(self.to, path[len(self.root_path) + 1 :])

    def reach(self, target):
        """The same place by a name that the system takes: paths longer than it allows go through an open folder."""
        if len(target) < PATH_BYTES_MAX:
            return target
        above, name = os.path.split(target)
        folder = None
        while above:
            cut = len(above) if len(above) < PATH_BYTES_MAX else above.rindex(b"/", 1, PATH_BYTES_MAX)
            inner = os.open(above[:cut], os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            if folder is not None:
                os.close(folder)
            folder, above = inner, above[cut + 1 :]
        self.held.append(folder)
        if len(self.held) > 2:  # a link has two ends
            os.close(self.held.popleft())
        return b"/proc/self/fd/%d/%s" % (folder, name)

    def make_directory(self, target):
        if target not in self.made:
            self.make_directory(os.path.dirname(target))
            os.mkdir(self.reach(target))
            self.made.add(target)

    def make_parents(self, target):
        self.make_directory(os.path.dirname(target))
        return target

    def write(self, entry):
        """Puts a file's bytes aside; `flush` gives it its name."""
        path = os.path.join(self.stage, b"%d" % len(self.staged))
        with open(path, "wb") as file:
            stream, start = entry.data
            for piece in stream.pieces(start, entry.data_length()):
                file.write(piece)
        self.staged.append((path, entry))
        self.staged_bytes += entry.data_length()
        if len(self.staged) >= BATCH_FILES or self.staged_bytes >= BATCH_BYTES:
            self.flush()

    def flush(self):
        """Checks the hashes of all staged files at once, then gives each its holes, metadata and name."""
        digests = b3sum([path for path, _ in self.staged])
        for (path, entry), digest in zip(self.staged, digests):
            check(digest == entry.hash, f"{show(entry.path)}: its bytes have the hash {digest.hex()}, not "
                                        f"{entry.hash.hex()}")
        for path, entry in self.staged:
            if entry.flags & SPARSE:
                path = spread(path, entry)
            self.set_metadata(path, entry)
            target = self.reach(self.make_parents(self.target(entry.path)))
            check(not os.path.lexists(target), f"{show(entry.path)} is there already")
            os.rename(path, target)
        self.staged, self.staged_bytes = [], 0

    def link(self, leader, entry):
        target = self.make_parents(self.target(entry.path))
        os.link(self.reach(self.target(leader.path)), self.reach(target), follow_symlinks=False)

    def make_special(self, entry):
        target = self.reach(self.make_parents(self.target(entry.path)))
        if entry.kind == SYMLINK:
            os.symlink(entry.target, target)
        elif entry.device is not None and not self.is_root:
            self.left_out += 1
            return
        else:
            kind = {FIFO: stat.S_IFIFO, SOCKET: stat.S_IFSOCK, CHARACTER_DEVICE: stat.S_IFCHR,
                    BLOCK_DEVICE: stat.S_IFBLK}[entry.kind]
            device = entry.device or 0
            os.mknod(target, kind | 0o600, os.makedev(device >> 32, device & 0xFFFFFFFF))
        self.set_metadata(target, entry)

    def set_metadata(self, target, entry):
        """Owner, attributes, mode and time, in this order: each of them can undo one before it, not after it."""
        target = self.reach(target)
        if self.is_root:
            os.chown(target, entry.uid, entry.gid, follow_symlinks=False)
        for name, value in entry.attributes:
            if self.is_root or name.startswith((b"user.", b"system.posix_acl_")):
                os.setxattr(target, name, value, follow_symlinks=False)
            else:
                self.left_out += 1
        if entry.kind != SYMLINK:
            os.chmod(target, entry.mode)
        os.utime(target, ns=(entry.time, entry.time), follow_symlinks=False)


def spread(dense, entry):
    """Makes a file with holes of one that has only the bytes between them."""
    path = dense + b".sparse"
    with open(dense, "rb") as source, open(path, "wb") as file:
        file.truncate(entry.size)
        for start, length in entry.extents:
            file.seek(start)
            while length > 0:
                piece = source.read(min(length, MIB))
                file.write(piece)
                length -= len(piece)
    os.remove(dense)
    return path


def is_gone(repository, snapshot, record):
    """Whether a cohort was deleted in its time."""
    is_past = read_time(snapshot["name"], record["delete_from"]) <= repository.now
    key = f"{snapshot['plan']}/{record['cohort']}/key-{record['key_number']}.json"
    return is_past and not os.path.exists(repository.path(key))


def restore(repository, snapshot, to, work):
    """Restores a snapshot; gives how many things were left out because an ordinary user cannot make them."""
    living = [record for record in snapshot["cohorts"] if not is_gone(repository, snapshot, record)]
    cohorts = {record["cohort"]: Cohort(repository, snapshot["plan"], record) for record in living}
    is_less = snapshot["is_base_gone"] or len(living) < len(snapshot["cohorts"])
    orders = read_erasures(repository, snapshot["plan"], snapshot)
    files, directories, erased = merge_cohorts(cohorts.values(), orders)
    total = sum(entry.size for entry in files if entry.kind == REGULAR) + erased[1]
    if erased[0]:
        print(f"{erased[0]} files are not given back: erasure orders cover them", file=sys.stderr)
    check(is_less or (len(files) + erased[0], total) == (snapshot["files"], snapshot["bytes"]),
          f"{snapshot['name']}: says {snapshot['files']} files of {snapshot['bytes']} bytes, its manifests have "
          f"{len(files)} of {total}")
    sources = {path.split(b"/")[0] for path in [*directories, *(entry.path for entry in files)]}
    check(len(sources) <= snapshot["sources"], f"{snapshot['name']}: has more sources than it says")
    writer = Writer(to, work, min(sources, default=b"") if snapshot["sources"] == 1 else None)

    # Of the names of one inode only the first is written; the others become links to it.
    first, links = {}, []
    written, special = [], []
    by_path = {entry.path: entry for entry in files}
    for entry in files:
        if entry.content == LINK:
            links.append((by_path[entry.leader], entry))
            continue
        inode = entry.group and (entry.group, entry.kind, entry.hash, entry.target, entry.device)
        if inode in first:
            links.insert(0, (first[inode], entry))  # before the links to this name
            continue
        if inode:
            first[inode] = entry
        (written if entry.kind == REGULAR else special).append(entry)

    # Regular files in the order in which their bytes lie in packs. No link is there yet that one could be written
    # through: symbolic links come after all that has content.
    for entry in sorted(written, key=lambda entry: (entry.data[0].number, entry.data[1])):
        writer.write(entry)
    writer.flush()
    for entry in sorted(special, key=lambda entry: entry.kind == SYMLINK):
        writer.make_special(entry)
    for leader, entry in links:
        writer.link(leader, entry)

    # Directories: those that are entries of their own, and whatever files need. Metadata last, children first.
    wanted = {path for path, entry in directories.items() if not entry.flags & CONTEXT}
    for path in list(wanted) + list(by_path):
        while (path := path.rpartition(b"/")[0]) and path not in wanted:
            wanted.add(path)
    current = {}
    extra = snapshot["directories"]
    if extra and not (is_less and extra["cohort"] not in cohorts):
        check(extra["cohort"] in cohorts, f"{snapshot['name']}: directory metadata in a cohort that is not listed")
        found = read_directory_metadata(cohorts[extra["cohort"]], extra["location"])
        digests = repository.path_digests(sorted(wanted))
        current = {path: found[digest] for path, digest in digests.items() if digest in found}
    for path in wanted:
        writer.make_directory(writer.target(path))
    for cohort in cohorts.values():
        cohort.close()
    shutil.rmtree(work)
    for path in sorted(wanted, key=order, reverse=True):
        if entry := current.get(path) or directories.get(path):
            writer.set_metadata(writer.target(path), entry)
    return writer.left_out


def print_report(repository, snapshot):
    """Says on standard error what the snapshot does not hold."""
    if extra := snapshot["report"]:
        record = [record for record in snapshot["cohorts"] if record["cohort"] == extra["cohort"]]
        if snapshot["is_base_gone"] and not record or record and is_gone(repository, snapshot, record[0]):
            return
        check(record, f"{snapshot['name']}: its report is in a cohort that is not listed")
        cohort = Cohort(repository, snapshot["plan"], record[0])
        plain = cohort.read_located(extra["location"])
        cohort.check_chunks("a report", [(extra["location"]["chunk"], plain)])
        cohort.close()
        print(plain.decode("utf-8", "replace").rstrip("\n"), file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("store", metavar="STORE_DIR", help="the folder with the repository")
    parser.add_argument("--identity", required=True, metavar="FILE", help="the recovery key")
    parser.add_argument("--to", required=True, metavar="DIR", help="where to restore to: missing, or empty")
    parser.add_argument("--snapshot", default="latest", metavar="PREFIX",
                        help="how the name of the snapshot, or the digest in it, begins; without it: the latest")
    parser.add_argument("--plan", metavar="NAME", help="the plan; not needed if there is only one")
    parser.add_argument("--root", metavar="FINGERPRINT",
                        help="fingerprint of the root key (sha256:...), if the identity file does not name it")
    parser.add_argument("--now", metavar="TIME", help="what time it is (RFC 3339), if this machine's clock is wrong")
    arguments = parser.parse_args()

    os.umask(0o077)
    to = os.path.abspath(os.fsencode(arguments.to))
    os.makedirs(to, exist_ok=True)
    check(not os.listdir(to), f"{arguments.to} is not empty")
    work = tempfile.mkdtemp(prefix=b".kura_restore-", dir=to)
    try:
        root = arguments.root and "sha256:" + arguments.root.removeprefix("sha256:")
        repository = Repository(arguments.store, arguments.identity, root, work)
        repository.now = read_time("--now", arguments.now) if arguments.now else repository.now
        plans = repository.plans()
        plan = arguments.plan or (plans[0] if len(plans) == 1 else None)
        check(plan, f"name one of the plans with --plan: {', '.join(plans) or 'there are none'}")
        check(plan in plans, f"there is no plan {plan}; there are: {', '.join(plans)}")
        snapshot = find_snapshot(repository, plan, arguments.snapshot)
        # A report names files, and may name one that an order covers.
        if not read_erasures(repository, plan, snapshot):
            print_report(repository, snapshot)
        left_out = restore(repository, snapshot, to, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    notes = "" if snapshot["completeness"] == "complete" else f"; PARTIAL: {snapshot['skipped']} could not be read"
    notes += f"; {left_out} attributes and devices left out, which only root can make" if left_out else ""
    print(f"restored {plan} {snapshot['sequence']}-{snapshot['digest'][:12]} of {snapshot['taken_at']}: "
          f"{snapshot['files']} files, {snapshot['bytes']} bytes{notes}")


if __name__ == "__main__":
    try:
        main()
    except (Problem, OSError) as problem:
        print(f"kura_restore: {problem}", file=sys.stderr)
        sys.exit(1)
