"""What both variants of verify-and-store share: keys, the signature, the split of a delivery, the items and messages of its events."""

import base64
import hashlib
import json
import os
import pathlib
import time
import zlib

import boto3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

dynamodb, sqs, s3 = boto3.client("dynamodb"), boto3.client("sqs"), boto3.client("s3")
ECDSA = ec.ECDSA(hashes.SHA512())
KEYS_TABLE, EVENTS_TABLE = os.environ["KEYS_TABLE"], os.environ["EVENTS_TABLE"]
BUCKET = os.environ["ARCHIVE_BUCKET"]
QUEUES = dict(entry.split("=", 1) for entry in os.environ["DOMAIN_QUEUES"].split(","))
DOMAINS = json.loads(pathlib.Path(os.environ["CATEGORIES_FILE"]).read_text())
KEY_LIFETIME_S = 300
MAX_BATCH_BYTES = 900_000
_keys = {}


class Rejected(Exception):
    """A delivery that is not proven."""


def key(key_id):
    """Finds a verification key, and remembers it for a while."""
    known = _keys.get(key_id)
    if known and known[1] > time.time():
        return known[0]
    answer = dynamodb.get_item(TableName=KEYS_TABLE, Key={"key_id": {"S": key_id}}, ConsistentRead=True)
    jwk = json.loads(answer["Item"]["jwk"]["S"])

    def coordinate(name):
        return int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=" * (-len(jwk[name]) % 4)), "big")

    public = ec.EllipticCurvePublicNumbers(coordinate("x"), coordinate("y"), ec.SECP521R1()).public_key()
    _keys[key_id] = (public, time.time() + KEY_LIFETIME_S)
    return public


def verify(request, body):
    """Verifies the signature and the digest of a delivery, in Upvest's dialect alone."""
    headers = {name.lower(): value for name, value in request["headers"]}
    parameters = headers["signature-input"].removeprefix("sig1=")
    components = [name.strip('"') for name in parameters[1 : parameters.index(")")].split()]
    if not {"@method", "@path", "digest"} <= set(components):
        raise Rejected("not covered")
    if headers["digest"] != "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode():
        raise Rejected("digest")
    derived = {"@method": request["method"], "@path": request["path"]}
    lines = [f"{name}: {derived.get(name) or headers[name]}" for name in components]
    lines.append(f"@signature-params: {parameters}")
    key_id = next(part[7:-1] for part in parameters.split(";") if part.startswith('keyid="'))
    signature = base64.b64decode(headers["signature"].removeprefix("sig1=:").rstrip(":"))
    try:
        key(key_id).verify(signature, "\n".join(lines).encode(), ECDSA)
    except InvalidSignature as error:
        raise Rejected("signature") from error


def decode(body, encoding):
    """Gives the bytes of a message's body."""
    if encoding is None:
        return body.encode()
    data = base64.b64decode(body)
    return zlib.decompress(data, -15) if encoding == "deflate-base64" else data


def aggregate(event):
    """Names the entity that an event is about."""
    category, thing = event["type"].split(".")[0], event["object"]
    if category in ("EXECUTION", "ORDER_CANCELLATION"):
        return f"ORDER#{thing.get('order_id')}"
    return f"{category}#{thing.get('id') or thing.get('account_id') or event['id']}"


def log_item(event, delivery_id, received_at):
    """Writes an event as the item of the log."""
    return {
        "event_id": {"S": event["id"]},
        "type": {"S": event["type"]},
        "aggregate": {"S": aggregate(event)},
        "occurred": {"S": f"{event['created_at']}#{event['id']}"},
        "delivery_id": {"S": delivery_id},
        "received_at": {"S": received_at},
        "sha256": {"S": hashlib.sha256(json.dumps(event).encode()).hexdigest()},
        "object": {"S": json.dumps(event["object"], separators=(",", ":"))},
    }


def archive(delivery_id, received_at, request, body):
    """Keeps a verified delivery."""
    hour = received_at[:13].replace("-", "/").replace("T", "/")
    delivery = {"delivery_id": delivery_id, "received_at": received_at, "request": request, "body": body.decode()}
    s3.put_object(
        Bucket=BUCKET,
        Key=f"verified/{hour}/{delivery_id}",
        Body=json.dumps(delivery).encode(),
        IfNoneMatch="*",
        ContentType="application/json",
    )


def by_queue(events):
    """Sorts events by the queue of their domain."""
    queues = {}
    for event in events:
        domain = DOMAINS.get(event["type"].split(".")[0], "unrecognised")
        queues.setdefault(QUEUES[domain], []).append(event)
    return queues.items()


def dispatch_in_order(events, delivery_id):
    """Sends events as the receiver does: an entity's go one to a request, so that none overtakes one that failed."""
    for url, queued in by_queue(events):
        requests, after = [], {}
        for event in queued:
            entry = _entry(event, delivery_id, 0)
            size, group = len(entry["MessageBody"]), entry["MessageGroupId"]
            for place in range(after.get(group, 0), len(requests)):
                entries, sent = requests[place]
                if len(entries) < 10 and sent + size <= MAX_BATCH_BYTES:
                    break
            else:
                place, entries, sent = len(requests), [], 0
                requests.append(None)
            entry["Id"] = str(len(entries))
            entries.append(entry)
            requests[place], after[group] = (entries, sent + size), place + 1
        for entries, _ in requests:
            _send(url, entries)


def dispatch(events, delivery_id):
    """Sends events to the queues of their domains: ten in a request, and fewer where they are large."""
    for url, queued in by_queue(events):
        entries, size = [], 0
        for event in queued:
            entry = _entry(event, delivery_id, len(entries))
            if entries and (len(entries) == 10 or size + len(entry["MessageBody"]) > MAX_BATCH_BYTES):
                _send(url, entries)
                entries, size = [], 0
                entry["Id"] = "0"
            entries.append(entry)
            size += len(entry["MessageBody"])
        _send(url, entries)


def _entry(event, delivery_id, index):
    body = json.dumps(event, separators=(",", ":"))
    attributes = {
        "delivery_id": delivery_id,
        "aggregate": aggregate(event),
        "occurred": f"{event['created_at']}#{event['id']}",
        "sha256": hashlib.sha256(body.encode()).hexdigest(),
        "dispatch": "first",
        "dispatched_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    return {
        "Id": str(index),
        "MessageBody": body,
        "MessageGroupId": attributes["aggregate"],
        "MessageDeduplicationId": event["id"],
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    }


def _send(url, entries):
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    if answer.get("Failed"):
        raise RuntimeError(answer["Failed"])
