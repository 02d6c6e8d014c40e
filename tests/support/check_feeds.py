"""Checks the public feeds with parsers that know nothing of Kura: python3 check_feeds.py FOLDER.

FOLDER holds api.json, feed.json, notices.atom, notices.ics and status.json as the service gave them. Every feed must be
right by its own standard, and must tell what api.json tells. Exit 1 names what is wrong.
"""

import datetime
import json
import pathlib
import sys
import zoneinfo

import fastjsonschema
import feedparser
import icalendar

STRING = {"type": "string", "minLength": 1}
TIME = {"type": "string", "format": "date-time"}
URL = {"type": "string", "pattern": "^https?://"}
AUTHOR = {
    "type": "object",
    "properties": {"name": STRING, "url": URL, "avatar": URL},
    "anyOf": [{"required": ["name"]}, {"required": ["url"]}, {"required": ["avatar"]}],
    "additionalProperties": False,
}
# JSON Feed 1.1 (jsonfeed.org/version/1.1), as strict as its text: unknown names must begin with an underscore.
JSON_FEED = {
    "type": "object",
    "required": ["version", "title", "items"],
    "properties": {
        "version": {"const": "https://jsonfeed.org/version/1.1"},
        "title": STRING, "home_page_url": URL, "feed_url": URL, "description": STRING, "user_comment": STRING,
        "next_url": URL, "icon": URL, "favicon": URL, "language": STRING, "expired": {"type": "boolean"},
        "authors": {"type": "array", "items": AUTHOR, "minItems": 1},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id"],
                "anyOf": [{"required": ["content_html"]}, {"required": ["content_text"]}],
                "properties": {
                    "id": STRING, "url": URL, "external_url": URL, "title": STRING, "content_html": STRING,
                    "content_text": STRING, "summary": STRING, "image": URL, "banner_image": URL,
                    "date_published": TIME, "date_modified": TIME, "language": STRING,
                    "authors": {"type": "array", "items": AUTHOR},
                    "tags": {"type": "array", "items": STRING},
                    "attachments": {"type": "array"},
                },
                "patternProperties": {"^_": {}},
                "additionalProperties": False,
            },
        },
    },
    "patternProperties": {"^_": {}},
    "additionalProperties": False,
}
STATUS = {"enum": ["scheduled", "in_progress", "verifying", "completed"]}
MAYBE_TIME = {"anyOf": [TIME, {"type": "null"}]}
# What readers of Statuspage's /api/v2/scheduled-maintenances.json take for granted.
STATUSPAGE = {
    "type": "object",
    "required": ["page", "scheduled_maintenances"],
    "properties": {
        "page": {
            "type": "object",
            "required": ["id", "name", "url", "time_zone", "updated_at"],
            "properties": {"id": STRING, "name": STRING, "url": URL, "time_zone": STRING, "updated_at": TIME},
        },
        "scheduled_maintenances": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "page_id", "name", "status", "impact", "created_at", "updated_at", "started_at",
                             "monitoring_at", "resolved_at", "scheduled_for", "scheduled_until", "shortlink",
                             "components", "incident_updates"],
                "properties": {
                    "id": STRING, "page_id": STRING, "name": {"type": "string", "minLength": 1, "maxLength": 255},
                    "status": STATUS, "impact": {"enum": ["none", "minor", "major", "critical", "maintenance"]},
                    "created_at": TIME, "updated_at": TIME, "started_at": MAYBE_TIME, "monitoring_at": MAYBE_TIME,
                    "resolved_at": MAYBE_TIME, "scheduled_for": TIME, "scheduled_until": TIME, "shortlink": URL,
                    "components": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["id", "page_id", "name", "status", "position", "created_at", "updated_at",
                                         "group", "group_id", "showcase", "only_show_if_degraded", "description"],
                            "properties": {
                                "status": {"enum": ["operational", "degraded_performance", "partial_outage",
                                                    "major_outage", "under_maintenance"]},
                            },
                        },
                    },
                    "incident_updates": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["id", "incident_id", "status", "body", "created_at", "updated_at",
                                         "display_at", "affected_components", "deliver_notifications"],
                            "properties": {"status": STATUS, "body": STRING, "created_at": TIME, "display_at": TIME},
                        },
                    },
                },
            },
        },
    },
}

FAULTS = []


def check(what, found, expected):
    if found != expected:
        FAULTS.append(f"{what}: {found!r}, not {expected!r}")


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def one_line(text):
    return " ".join(text.split())


def calendar(data, notices):
    for number, line in enumerate(data.split(b"\r\n")):
        if len(line) > 75 or b"\n" in line or b"\r" in line:
            FAULTS.append(f"notices.ics line {number}: {len(line)} octets, or a bare line break")
        line.decode("utf-8")  # every piece by itself: no character is torn
    parsed = icalendar.Calendar.from_ical(data)
    check("METHOD", str(parsed["METHOD"]), "PUBLISH")
    check("VERSION", str(parsed["VERSION"]), "2.0")
    zones = {str(zone["TZID"]): zone.to_tz(lookup_tzid=False) for zone in parsed.walk("VTIMEZONE")}
    uids, told = set(), {}
    for event in parsed.walk("VEVENT"):
        check(f"{event['UID']} errors", event.errors, [])
        uid = str(event["UID"])
        if uid in uids:
            FAULTS.append(f"UID {uid} stands twice")
        uids.add(uid)
        notice = notices[str(event["URL"]).split("#")[1]]
        told.setdefault(notice["id"], []).append(event)
        check(f"{uid} SUMMARY", str(event["SUMMARY"]), notice["title"])
        check(f"{uid} DESCRIPTION", str(event["DESCRIPTION"]), notice["body"].rstrip())
        check(f"{uid} SEQUENCE", int(event["SEQUENCE"]), notice["revision"] - 1)
        check(f"{uid} DTSTAMP", event["DTSTAMP"].dt, instant(notice["updated_at"]))
        if notice["status"] == "cancelled":
            check(f"{uid} STATUS", str(event["STATUS"]), "CANCELLED")
        for name in ("DTSTART", "DTEND"):
            zone_name = event[name].params["TZID"]
            check(f"{uid} zone", zone_name, notice["tz"])
            local = event[name].dt.replace(tzinfo=None)
            # The offset by the VTIMEZONE of the feed, and by the tz database.
            ours = local.replace(tzinfo=zones[zone_name]).utcoffset()
            real = local.replace(tzinfo=zoneinfo.ZoneInfo(zone_name)).utcoffset()
            check(f"{uid} {name} offset", ours, real)
        if event["DTSTART"].dt >= event["DTEND"].dt:
            FAULTS.append(f"{uid} ends before it starts")
    for notice in notices.values():
        events = told.get(notice["id"], [])
        if notice["recurrence"].startswith("daily"):
            if len(events) < 30:
                FAULTS.append(f"{notice['id']}: {len(events)} events for a daily backup")
        else:
            check(f"{notice['id']} events", len(events), 1)
            check(f"{notice['id']} DTSTART", events[0]["DTSTART"].dt, instant(notice["work_window"]["start"]))
            check(f"{notice['id']} DTEND", events[0]["DTEND"].dt, instant(notice["work_window"]["end"]))


def atom(data, notices):
    parsed = feedparser.parse(data)
    if parsed.bozo:
        FAULTS.append(f"notices.atom is not well formed: {parsed.bozo_exception}")
    check("notices.atom version", parsed.version, "atom10")
    check("notices.atom entries", len(parsed.entries), len(notices))
    for entry in parsed.entries:
        notice = notices[entry.id.split("#")[1]]
        check(f"{entry.id} title", entry.title, one_line(notice["title"]))
        check(f"{entry.id} content", entry.content[0].value.split(), notice["body"].split())
        check(f"{entry.id} updated", instant(entry.updated), instant(notice["updated_at"]))
        check(f"{entry.id} link", entry.link, notice["url"])


def json_feed(data, notices):
    feed = json.loads(data)
    fastjsonschema.validate(JSON_FEED, feed)
    check("feed.json items", len(feed["items"]), len(notices))
    for item in feed["items"]:
        notice = notices[item["id"].split("#")[1]]
        check(f"{item['id']} title", item["title"], notice["title"])
        check(f"{item['id']} text", item["content_text"], notice["body"])
        check(f"{item['id']} modified", item["date_modified"], notice["updated_at"])


def statuspage(data, notices):
    status = json.loads(data)
    fastjsonschema.validate(STATUSPAGE, status)
    check("status.json", len(status["scheduled_maintenances"]), len(notices))
    for one in status["scheduled_maintenances"]:
        notice = notices[one["id"]]
        check(f"{one['id']} name", one["name"], notice["title"])
        check(f"{one['id']} updates", len(one["incident_updates"]), notice["revision"])
        check(f"{one['id']} newest update", one["incident_updates"][0]["body"], notice["body"])
        if notice["impact"] == "full":
            check(f"{one['id']} components", [part["name"] for part in one["components"]], notice["affected"])
        if not notice["recurrence"].startswith("daily"):
            check(f"{one['id']} start", one["scheduled_for"], notice["work_window"]["start"])


def main():
    folder = pathlib.Path(sys.argv[1])
    notices = {one["id"]: one for one in json.loads((folder / "api.json").read_text("utf-8"))["notices"]}
    calendar((folder / "notices.ics").read_bytes(), notices)
    atom((folder / "notices.atom").read_bytes(), notices)
    json_feed((folder / "feed.json").read_text("utf-8"), notices)
    statuspage((folder / "status.json").read_text("utf-8"), notices)
    for fault in FAULTS:
        print(fault)
    print(f"{len(notices)} notices, {len(FAULTS)} faults")
    sys.exit(1 if FAULTS else 0)


main()
