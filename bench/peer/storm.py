"""The peer in a storm: the Python reference's path. For each event of a batch its counter in Redis is read and written,
and its row inserted into Postgres, one after another.

It is invoked as our router is, with the same event, over the Runtime API.
"""

import hashlib
import http.client
import json
import os
import uuid

import psycopg2
import redis
from psycopg2.extras import Json

RUNTIME = "/2018-06-01/runtime/invocation"
TTL = 3600
INSERT = """
insert into reference.watcher_alerts
    (alert_id, event_type, worker_id, severity, message, fingerprint, sent_at, environment, metadata)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


def handle(record, counters, database):
    event = json.loads(record["body"])
    seen_at = event["occurred_at"]
    about = {"event_type": event["kind"], "worker_id": event["subject"], "window": seen_at[:13]}
    fingerprint = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    key = "watcher:dedup:" + fingerprint
    known = counters.get(key)
    first = known is None
    counter = {"count": 0, "first_seen": seen_at, "severity": event["severity"]} if first else json.loads(known)
    counter["count"] += 1
    counter["last_seen"] = seen_at
    counters.set(key, json.dumps(counter), ex=TTL)
    with database.cursor() as cursor:
        cursor.execute(
            INSERT,
            (
                str(uuid.uuid4()),
                event["kind"],
                event["subject"],
                event["severity"],
                event["summary"][:500],
                fingerprint,
                seen_at if first else None,
                "local",
                Json({"labels": event["labels"], "details": event["details"]}),
            ),
        )
    database.commit()


def main():
    counters = redis.Redis(port=int(os.environ["REDIS_PORT"]), decode_responses=True)
    database = psycopg2.connect(os.environ["DATABASE_URL"])
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", RUNTIME + "/next")
        response = api.getresponse()
        request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
        records = json.loads(response.read())["Records"]
        for record in records:
            handle(record, counters, database)
        api.request("POST", f"{RUNTIME}/{request_id}/response", body=json.dumps({"recorded": len(records)}))
        api.getresponse().read()


main()
