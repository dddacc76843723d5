"""What both variants of ingest share: a request as the message of the deliveries queue."""

import base64
import json
import time
import uuid
import zlib

KEPT = {"signature", "signature-input", "digest", "content-digest", "content-type", "content-length", "host"}
MAX_BYTES = 1_000_000


def message(headers, path, source_address, received_ms, body):
    """Gives the id of a delivery and the message of it; `None` twice for a request without a signature."""
    headers = {name.lower(): value for name, value in headers.items()}
    if "signature" not in headers or "signature-input" not in headers:
        return None, None
    delivery_id = str(uuid.uuid4())
    covered = headers["signature-input"]
    kept = [[name, value] for name, value in headers.items() if name in KEPT or f'"{name}"' in covered]
    request = {
        "method": "POST",
        "path": path,
        "source_address": source_address,
        "headers": kept,
        "header_names": list(headers),
    }
    attributes = {
        "delivery_id": delivery_id,
        "received_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(received_ms / 1000)),
        "request": json.dumps(request),
    }
    if len(body) > MAX_BYTES:
        deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
        body = base64.b64encode(deflate.compress(body.encode()) + deflate.flush()).decode()
        attributes["encoding"] = "deflate-base64"
    return delivery_id, {
        "MessageBody": body,
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    }
