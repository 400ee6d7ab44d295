"""The peer: what a Python function does before its first event, and for a first dry run.

It makes the clients that ours makes (CLIENTS), asks the Runtime API for an event with the standard library (Lambda's
own Python client costs more), and answers it after reading its parameters from SSM and one row from Postgres.
"""

import http.client
import json
import os

import boto3
import psycopg2

CLIENTS = {name: boto3.client(name) for name in os.environ["CLIENTS"].split(",")}
RUNTIME = "/2018-06-01/runtime/invocation"


def dry_run(_event):
    path = os.environ["SSM_PATH"]
    found = CLIENTS["ssm"].get_parameters_by_path(Path=path, Recursive=True, WithDecryption=True, MaxResults=10)
    parameters = {parameter["Name"]: parameter["Value"] for parameter in found["Parameters"]}
    with psycopg2.connect(parameters[path + "/database/url"]) as database, database.cursor() as cursor:
        cursor.execute("select now()")
        (now,) = cursor.fetchone()
    return {"now": now.isoformat(), "dry_run": True, "looked_at": {"parameters": len(parameters)}}


def main():
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", RUNTIME + "/next")
        response = api.getresponse()
        request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
        answer = dry_run(json.loads(response.read()))
        api.request("POST", f"{RUNTIME}/{request_id}/response", body=json.dumps(answer))
        api.getresponse().read()


main()
