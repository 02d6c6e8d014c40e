#!/usr/bin/env python3
"""The made-up source that Kura, restic and Borg are measured on, day after day, the same on every machine.

    source.py apply FOLDER DAY     brings FOLDER from the end of the day before (nothing for day 0) to the end of DAY
    source.py living DAY           prints how many records are inside their year at the end of DAY, their bytes, the bytes
                                   of one copy of them, the records of each day compressed together (zstd -3), and of
                                   one with their names and times (tar of each day, zstd -3)

FOLDER/records holds what users sent: every day RECORDS new texts of 1 to 16 KiB, a twentieth as many of the last ten
days' that are edited (an edited record counts from the day of the edit) and as many that are removed. The application
itself removes what is past its year. FOLDER/system holds a system's data: a database dump in which rows change and grow, a log
that grows and is turned over, configuration that changes now and then.

The environment sets the size: KURA_PEERS_RECORDS (new records a day, 40), KURA_PEERS_SYSTEM_KIB (the dump,
2048; 0 for no system data), KURA_PEERS_MONTHS (how long a record is owed, 12).
"""

import datetime
import functools
import io
import os
import pathlib
import random
import subprocess
import sys
import tarfile

FIRST = datetime.date(2031, 1, 10)
FIRST_IN_UNIX_DAYS = (FIRST - datetime.date(1970, 1, 1)).days
RECORDS = int(os.environ.get("KURA_PEERS_RECORDS", "40"))
MONTHS = int(os.environ.get("KURA_PEERS_MONTHS", "12"))
SYSTEM_KIB = int(os.environ.get("KURA_PEERS_SYSTEM_KIB", "2048"))


def day_of(number):
    return FIRST + datetime.timedelta(days=number)


def last_day(sent):
    """The last day on which a record is owed by either reading: the period from the day after it was sent."""
    begin = sent + datetime.timedelta(days=1)
    year, month = begin.year + (begin.month - 1 + MONTHS) // 12, (begin.month - 1 + MONTHS) % 12 + 1
    try:
        again = begin.replace(year=year, month=month)
    except ValueError:
        again = datetime.date(year, month + 1, 1)
    return again - datetime.timedelta(days=1)


def is_past(sent, today):
    return last_day(sent) < today


@functools.cache
def words():
    """Some thousands of made-up words; frequent ones come first, as in a language."""
    dice = random.Random("words")
    syllables = [c + v for c in "kstnhmrgzbpw" for v in "aiueo"] + ["n"]
    made = ["".join(dice.choices(syllables, k=dice.randint(1, 4))) for _ in range(6000)]
    weights, total = [], 0.0
    for rank in range(1, len(made) + 1):
        total += 1 / rank
        weights.append(total)
    return made, weights


def text(seed):
    dice = random.Random(seed)
    made, weights = words()
    size = dice.randint(1 << 10, 16 << 10)
    # 4 of 5 words are frequent enough that a word and its space take some five bytes.
    drawn = dice.choices(made, cum_weights=weights, k=size // 4)
    for place in range(7, len(drawn), 16):
        drawn[place] = f"{dice.getrandbits(12)}.{place % 10}\n"
    return " ".join(drawn)[:size].encode()


def events(number):
    """What happens on a day: the numbers of new records, of those edited, of those removed.

    A record is named by the day and the place at which it came; who is edited or removed is drawn from the last ten days.
    """
    dice = random.Random(f"day {number}")
    new = [(number, place) for place in range(RECORDS)]
    churn = max(1, RECORDS // 20) if number > 0 else 0
    older = [(dice.randint(max(0, number - 10), number - 1), dice.randrange(RECORDS)) for _ in range(2 * churn)]
    return new, older[:churn], older[churn:]


def name(record):
    return f"box{record[1] % 7}/{day_of(record[0]).isoformat()}-{record[1]:04}.txt"


def stamp(path, number, hour=9):
    at = datetime.datetime.combine(day_of(number), datetime.time(hour), datetime.timezone(datetime.timedelta(hours=9)))
    os.utime(path, (at.timestamp(), at.timestamp()))


def write(path, content, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    stamp(path, number)


def apply_records(root, number):
    today = day_of(number)
    new, edited, removed = events(number)
    for record in new:
        write(root / name(record), text(f"record {record}"), number)
    for record in edited:
        path = root / name(record)
        if path.exists():
            write(path, text(f"record {record} as of {number}"), number)
    for record in removed:
        (root / name(record)).unlink(missing_ok=True)
    for box in os.scandir(root):
        for found in os.scandir(box.path):
            # Nine in the morning of Tokyo is midnight of the same day in Greenwich.
            sent = FIRST + datetime.timedelta(days=int(found.stat().st_mtime // 86400) - FIRST_IN_UNIX_DAYS)
            if is_past(sent, today):
                os.unlink(found.path)


def row(place, version):
    dice = random.Random(f"row {place} {version}")
    made, weights = words()
    note = " ".join(dice.choices(made, cum_weights=weights, k=14))
    return f"{place:08}\t{version}\t{dice.getrandbits(48):012x}\t{note}".ljust(127)[:127] + "\n"


def apply_system(root, number):
    dump, log = root / "dump.sql", root / "service.log"
    dice = random.Random(f"system {number}")
    rows = SYSTEM_KIB * 8
    if number == 0:
        write(dump, "".join(row(place, 0) for place in range(rows)).encode(), number)
        for place in range(20):
            write(root / "etc" / f"{place}.conf", text(f"conf {place}")[:4000], number)
    else:
        with dump.open("r+b") as file:
            # Changes come in neighbourhoods: 1 % of the rows, in runs of sixteen; and a few rows are new.
            for _ in range(max(1, rows // 1600)):
                first = dice.randrange(rows - 16)
                for place in range(first, first + 16):
                    file.seek(place * 128)
                    file.write(row(place, number).encode())
            file.seek(0, 2)
            for place in range(max(1, rows // 2000)):
                file.write(row(number * 1000 + place, number).encode())
        stamp(dump, number)
        write(root / "etc" / f"{dice.randrange(20)}.conf", text(f"conf of {number}")[:4000], number)
    if number % 28 == 0:
        log.unlink(missing_ok=True)
    root.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        for place in range(max(8, rows // 100)):
            file.write(row(place, f"log {number}").encode())
    stamp(log, number)


def apply(folder, number):
    folder = pathlib.Path(folder)
    (folder / "records").mkdir(parents=True, exist_ok=True)
    apply_records(folder / "records", number)
    if SYSTEM_KIB:
        apply_system(folder / "system", number)
    for path in [folder / "records", *(folder / "records").iterdir(), folder / "system", folder / "system" / "etc"]:
        if path.is_dir():
            stamp(path, 0)


def living(number):
    """The versions of records whose year is not over: each is owed, whatever became of it at the source."""
    today, found = day_of(number), {}
    exists = {}
    for past in range(number + 1):
        new, edited, removed = events(past)
        for record in new:
            exists[record] = past
            found[(record, past)] = f"record {record}"
        for record in edited:
            if record in exists and not is_past(day_of(exists[record]), day_of(past - 1)):
                exists[record] = past
                found[(record, past)] = f"record {record} as of {past}"
        for record in removed:
            exists.pop(record, None)
    return {key: seed for key, seed in found.items() if not is_past(day_of(key[1]), today)}


def measure(found):
    """How many records, their bytes, those of one compressed copy, and of one that can be unpacked again."""
    by_day, total, compressed, archived = {}, 0, 0, 0
    for (record, day), seed in sorted(found.items()):
        by_day.setdefault(day, []).append((record, seed))
    for day, records in by_day.items():
        made = io.BytesIO()
        texts = []
        with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for record, seed in records:
                content = text(seed)
                about = tarfile.TarInfo(name(record))
                about.size, about.mtime = len(content), (FIRST_IN_UNIX_DAYS + day) * 86400
                tar.addfile(about, io.BytesIO(content))
                texts.append(content)
        one = b"".join(texts)
        total += len(one)
        compressed += zstd(one)
        archived += zstd(made.getvalue())
    return len(found), total, compressed, archived


def zstd(content):
    return len(subprocess.run(["zstd", "-3", "-c"], input=content, capture_output=True, check=True).stdout)


def main():
    match sys.argv[1:]:
        case ["apply", folder, number]:
            apply(folder, int(number))
        case ["living", number]:
            print(*measure(living(int(number))))
        case _:
            print(__doc__, file=sys.stderr)
            sys.exit(2)


if __name__ == "__main__":
    main()
