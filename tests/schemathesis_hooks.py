"""What schemathesis must be told before it judges: the one answer that takes a body which breaks the document.

Items of a batch that is taken item by item are refused item by item, inside of a 200. Nothing else is excused: an
atomic batch that breaks the document is refused whole, and so is whatever is wrong outside of an item.
"""

import json
from urllib.parse import parse_qs, urlsplit

import jsonschema_rs
import schemathesis

OF_MANY = ("/batch", "/grants")
JSON, LINES = "application/json", "application/x-ndjson"


def broken_items(validator, body):
    """The places of the items that break the document; none if anything else does too."""
    places = [error.instance_path for error in validator.iter_errors(body)]
    inside = all(len(place) >= 2 and place[0] == "items" for place in places)
    return {place[1] for place in places} if inside else set()


def asked(case, response):
    """The items that break the document, of a batch whose items are taken by themselves."""
    request = response.request
    media = request.headers["Content-Type"].split(";")[0]
    raw = case.operation.schema.raw_schema
    said = raw["paths"][case.operation.path]["post"]["requestBody"]["content"][media]["schema"]
    validator = lambda schema: jsonschema_rs.Draft202012Validator({**schema, "components": raw["components"]})
    body = request.body if isinstance(request.body, bytes) else request.body.encode()
    if media == JSON:
        body = json.loads(body)
        by_themselves = body["mode"] == "independent" and body.keys() == {"mode", "items"}
        return broken_items(validator(said), body) if by_themselves else set()
    if media != LINES or parse_qs(urlsplit(request.url).query) != {"mode": ["independent"]}:
        return set()
    lines = [json.loads(line) for line in body.split(b"\n") if line.strip()]
    return {at for at, line in enumerate(lines) if not validator(said).is_valid(line)}


def answers(response):
    """What each item was answered with."""
    if response.headers["content-type"][0].startswith(JSON):
        return response.json()["items"]
    return [json.loads(line) for line in response.content.splitlines()]


def is_refused(at, answer):
    """Whether an item was refused, and its problem says which it is."""
    problem = answer.get("problem", {})
    told = problem.get("status") == answer["status"] and 400 <= answer["status"] < 500
    return told and "code" in problem and f"{problem['field']}.".startswith(f"items.{at}.")


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Whether a failure counts."""
    excusable = type(failure).__name__ == "AcceptedNegativeData" and response.status_code == 200
    if not excusable or not case.operation.path.endswith(OF_MANY):
        return True
    broken, told = asked(case, response), answers(response)
    return not broken or not all(is_refused(at, told[at]) for at in broken)
