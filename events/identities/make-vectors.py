#!/usr/bin/env python3
"""Writes vectors.json: events and their identities, by a reading of the rule that shares no code with the product.

The identity of an event is the SHA-256 over its members except `webhook_id`, sorted by the bytes of their names; members of
one name stay in their order. Of each member it takes the length of the name (eight bytes, the highest first), the name in
UTF-8, the length of the value, and the value's text as it was sent, without the white space around it.

Usage: python3 make-vectors.py > vectors.json
"""

import hashlib
import json
import sys

SPACE = " \t\n\r"


def members(text):
    """Finds the name and the exact text of every member of a JSON object."""
    decode = json.JSONDecoder().raw_decode

    def skip(at):
        while text[at] in SPACE:
            at += 1
        return at

    at = skip(0)
    assert text[at] == "{"
    at = skip(at + 1)
    found = []
    while text[at] != "}":
        name, at = decode(text, at)
        at = skip(at)
        assert text[at] == ":"
        start = skip(at + 1)
        _, end = decode(text, start)
        found.append((name.encode("utf-8", "surrogatepass"), text[start:end].encode("utf-8")))
        at = skip(end)
        if text[at] == ",":
            at = skip(at + 1)
    return found


def identity(text):
    kept = [member for member in members(text) if member[0] != b"webhook_id"]
    digest = hashlib.sha256()
    for member in sorted(kept, key=lambda member: member[0]):
        for part in member:
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


OBJECT = '{"id":"o1","quantity":"0.05"}'
PLAIN = '{"id":"e1","created_at":"2021-07-21T14:10:00.00Z","type":"ORDER.NEW","object":%s,"webhook_id":"w1"}' % OBJECT

CASES = [
    ("an event as Upvest sends it", PLAIN),
    ("the same event through another subscription", PLAIN.replace('"w1"', '"w2"')),
    ("the same event without a subscription", PLAIN.replace(',"webhook_id":"w1"', "")),
    (
        "its members in another order, with white space between them",
        '{ "object" : %s ,\n"type":\t"ORDER.NEW","id":"e1","created_at":"2021-07-21T14:10:00.00Z"}' % OBJECT,
    ),
    ("white space within the object: another text", PLAIN.replace('"o1",', '"o1", ')),
    ("another time of the same instant: another text", PLAIN.replace(".00Z", "Z")),
    ("another quantity", PLAIN.replace("0.05", "0.06")),
    ("an escaped name is the name", PLAIN.replace('"type"', '"\\u0074ype"')),
    ("an escaped value is another text", PLAIN.replace('"ORDER.NEW"', '"\\u004fRDER.NEW"')),
    ("a member that nobody knows", PLAIN.replace('{"id":"e1"', '{"extra":[1, 2],"id":"e1"')),
    ("two members of one name", PLAIN.replace('{"id":"e1"', '{"x":1,"x":2,"id":"e1"')),
    ("two members of one name, the other way round", PLAIN.replace('{"id":"e1"', '{"x":2,"x":1,"id":"e1"')),
    ("a name with a lone surrogate, a number beyond a double", PLAIN.replace('{"id":"e1"', '{"\\ud800":1e999999,"id":"e1"')),
    ("a name beyond ASCII", PLAIN.replace('{"id":"e1"', '{"größe":"ü","id":"e1"')),
    ("no value can pass for a name", PLAIN.replace('{"id":"e1"', '{"a":"b","ab":"","id":"e1"')),
]

if __name__ == "__main__":
    vectors = [{"name": name, "event": event, "sha256": identity(event)} for name, event in CASES]
    json.dump(vectors, sys.stdout, indent=2, ensure_ascii=True)
    sys.stdout.write("\n")
