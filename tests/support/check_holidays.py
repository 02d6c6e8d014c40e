"""Compares policies/holidays-ja.csv with the PyPI package `holidays`, year by year: python3 check_holidays.py CSV."""

import sys

import holidays

# 振替休日 and 国民の休日 are both called 休日 by 内閣府.
REST = {"振替休日", "国民の休日"}

covers, ours = None, {}
for line in open(sys.argv[1], encoding="utf-8"):
    if line.startswith("# covers "):
        covers = range(int(line.split()[2]), int(line.split()[3]) + 1)
    elif not line.startswith("#"):
        day, name = line.strip().split(",")
        ours[day] = name
if covers is None or not any("http" in line or "法律" in line for line in open(sys.argv[1], encoding="utf-8")):
    sys.exit("the file does not say which years it covers, or where it is from")
faults = 0
theirs = holidays.country_holidays("JP", years=covers, language="ja")
names = {day.isoformat(): "休日" if name in REST else name for day, name in theirs.items()}
for day in sorted(set(ours) | set(names)):
    if ours.get(day) != names.get(day):
        print(f"{day}: {ours.get(day)} here, {names.get(day)} there")
        faults += 1
print(f"{len(ours)} days of {covers.start} to {covers.stop - 1}, {faults} faults")
sys.exit(1 if faults else 0)
