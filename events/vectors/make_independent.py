"""Writes the vectors whose name begins with "independent-": deliveries signed without any code of this repository.

    python3 -m venv venv && venv/bin/pip install -r events/vectors/requirements.txt
    venv/bin/python events/vectors/make_independent.py

ECDSA and Ed25519 come from the `cryptography` package, deterministically (RFC 6979, RFC 8032), so that a second run
changes no file. The bases are written out here, line by line as a sender would; one delivery is signed by the
`http-message-signatures` package altogether.
"""

import base64
import datetime
import hashlib
import hmac
import json
import pathlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms

FOLDER = pathlib.Path(__file__).parent
CREATED, EXPIRES = 1633529659, 1633529719
RECEIVED_AT = "2021-10-06T14:14:20Z"
BODY = (
    '{"payload":[{"created_at":"2021-10-06T14:14:19.12Z","id":"5b9e8f0a-6a3c-4b7e-9d58-2f0f3c1f7a11",'
    '"object":{"id":"ad45b27f-c0e7-4cfb-b48c-a83670dbdfbd","name":"Sparplan für später","status":"ACTIVE"},'
    '"type":"ACCOUNT.ACTIVATED","webhook_id":"0e225118-168c-4d4d-84d9-c36096163162"}]}'
)
PUBLIC_URL = "https://hooks.example/webhooks/upvest"
DIALECTS = ["unquoted-digest", "unquoted-content-digest", "quoted-digest", "quoted-content-digest"]


def b64(data):
    return base64.b64encode(data).decode()


def b64url(number, length):
    return base64.urlsafe_b64encode(number.to_bytes(length, "big")).decode().rstrip("=")


class P521:
    name = "ecdsa-p521-sha512"

    def __init__(self, text, key_id):
        secret = int.from_bytes(hashlib.sha512(text.encode()).digest(), "big")
        self.private, self.key_id = ec.derive_private_key(secret, ec.SECP521R1()), key_id

    def sign(self, base):
        return self.private.sign(base, ec.ECDSA(hashes.SHA512(), deterministic_signing=True))

    def public(self):
        point = self.private.public_key().public_numbers()
        jwk = {"kid": self.key_id, "kty": "EC", "crv": "P-521", "x": b64url(point.x, 66), "y": b64url(point.y, 66)}
        return {"key_id": self.key_id, "algorithm": self.name, "jwk": jwk}


class Ed25519:
    name = "ed25519"

    def __init__(self, text, key_id):
        seed = hashlib.sha256(text.encode()).digest()
        self.private, self.key_id = ed25519.Ed25519PrivateKey.from_private_bytes(seed), key_id

    def sign(self, base):
        return self.private.sign(base)

    def public(self):
        raw = self.private.public_key().public_bytes_raw()
        x = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        return {"key_id": self.key_id, "algorithm": self.name, "jwk": {"kid": self.key_id, "kty": "OKP", "crv": "Ed25519", "x": x}}


class Hmac:
    name = "hmac-sha256"

    def __init__(self, text, key_id):
        self.secret, self.key_id = text.encode(), key_id

    def sign(self, base):
        return hmac.digest(self.secret, base, "sha256")

    def public(self):
        return {"key_id": self.key_id, "algorithm": self.name, "hmac_secret_base64": b64(self.secret)}


UPVEST = P521("synthetic upvest webhook test key", "00000000-0000-4000-8000-000000000001")
OTHER = Ed25519("synthetic upvest webhook test seed", "00000000-0000-4000-8000-000000000002")
OURS = Hmac("synthetic upvest webhook test secret", "00000000-0000-4000-8000-000000000003")
STRANGER = Ed25519("a stranger", "edge-1")


def digest(dialect, body):
    if dialect.endswith("content-digest"):
        return "content-digest", f"sha-256=:{b64(hashlib.sha256(body).digest())}:"
    return "digest", f"SHA-256={b64(hashlib.sha256(body).digest())}"


class Delivery:
    """A request, and what signs it. `covered` are items as they stand in signature-input; `values` are what the signer
    took them to be, in their order, where that is not the header as it arrives."""

    def __init__(self, name, description, dialect="unquoted-digest", key=UPVEST, **changes):
        self.name, self.description, self.dialect, self.key = "independent-" + name, description, dialect, key
        self.path, self.query, self.public_url = "/webhooks/upvest", None, None
        self.body, self.headers = BODY.encode(), [("host", "hooks.example"), ("content-type", "application/json")]
        self.keys, self.label, self.values, self.extra = [key], "sig1", {}, []
        self.expected = None
        self.received_at, self.parameters = RECEIVED_AT, f';keyid="{key.key_id}";created={CREATED};nonce="0123456789";expires={EXPIRES}'
        self.digest_name, self.digest = digest(dialect, self.body)
        self.covered = ['"content-type"', '"@method"', '"@path"', f'"{self.digest_name}"']
        self.more_headers, self.more_covered, self.tamper = [], [], None
        for key_, value in changes.items():
            assert hasattr(self, key_), key_
            setattr(self, key_, value)

    def value(self, item):
        if item in self.values:
            return self.values[item]
        known = {'"@method"': "POST", '"@path"': self.path, '"@query"': f"?{self.query}", '"content-length"': str(len(self.body))}
        if item in known:
            return known[item]
        return ", ".join(value.strip() for name, value in self.headers if f'"{name}"' == item)

    def line(self, item, value):
        name, parameters = item[1:].split('"', 1)
        quote = '"' if self.dialect.startswith("quoted") else ""
        return f"{quote}{name}{quote}{parameters}: {value}"

    def sign(self):
        self.headers = self.headers + self.more_headers + [(self.digest_name, self.digest)]
        covered = self.covered + self.more_covered
        parameters = f"({' '.join(covered)}){self.parameters}"
        lines = [self.line(item, self.value(item)) for item in covered if self.value(item) is not None]
        base = "\n".join(lines + [self.line('"@signature-params"', parameters)])
        self.headers.append(("signature-input", ", ".join([f"{self.label}={parameters}"] + [i for i, _ in self.extra])))
        signatures = [f"{self.label}=:{b64(self.key.sign(base.encode()))}:"] + [s for _, s in self.extra]
        self.headers.append(("signature", ", ".join(signatures)))
        return base

    def write(self):
        base = self.sign()
        if self.tamper:
            self.tamper(self)
        vector = {"name": self.name, "description": self.description}
        if self.public_url:
            vector["public_url"] = self.public_url
        vector |= {
            "keys": [key.public() for key in self.keys],
            "method": "POST",
            "path": self.path,
            "query": self.query,
            "headers": self.headers,
            "body": self.body.decode(),
            "received_at": self.received_at,
            "strict_freshness": False,
            "expected": {"rejection": self.expected}
            if self.expected
            else {"verified": True, "dialect": self.dialect, "freshness": "fresh", "signature_base": base},
        }
        (FOLDER / f"{self.name}.json").write_text(json.dumps(vector, indent=2, ensure_ascii=False) + "\n")


def replace(name, old, new):
    def tamper(delivery):
        edit = lambda header, text: text.replace(old, new) if header == name else text
        delivery.headers = [(header, edit(header, text)) for header, text in delivery.headers]

    return tamper


def forge(delivery):
    """Swaps the body and makes the digest fit: what somebody without the key can do."""
    delivery.body = b'{"payload":[]}'
    name, text = digest(delivery.dialect, delivery.body)
    delivery.headers = [(header, text if header == name else value) for header, value in delivery.headers]


def flip(delivery):
    """Changes one bit of the signature."""
    def change(value):
        raw = bytearray(base64.b64decode(value.split(":")[1]))
        raw[-1] ^= 1
        return f"{delivery.label}=:{b64(bytes(raw))}:"

    delivery.headers = [(name, change(value) if name == "signature" else value) for name, value in delivery.headers]


def in_every_dialect():
    for dialect in DIALECTS:
        for key in (UPVEST, OTHER, OURS):
            yield Delivery(f"{dialect}-{key.name}", "A delivery in this dialect, signed by other software.", dialect, key)
        for kind, tamper in (("body", forge), ("signature", flip)):
            yield Delivery(
                f"{dialect}-forged-{kind}",
                f"The {kind} is not what was signed.",
                dialect,
                tamper=tamper,
                expected="bad-signature",
            )
        yield Delivery(
            f"{dialect}-swapped-body",
            "The body was swapped, and its digest was not.",
            dialect,
            tamper=lambda delivery: setattr(delivery, "body", b'{"payload":[]}'),
            expected="digest-mismatch",
        )


def digests():
    both = [("content-digest", digest("quoted-content-digest", BODY.encode())[1])]
    yield Delivery("both-digests", "Both digest headers are covered, and both hold.", more_headers=both, more_covered=['"content-digest"'])
    wrong = [("content-digest", digest("quoted-content-digest", b"other")[1])]
    yield Delivery(
        "second-digest-mismatch",
        "Both digest headers are covered, and one is of another body.",
        more_headers=wrong,
        more_covered=['"content-digest"'],
        expected="digest-mismatch",
    )
    yield Delivery("uncovered-digest-ignored", "A digest header that is not covered does not count.", more_headers=wrong)
    yield Delivery(
        "digest-with-spaces",
        "A digest may have spaces around it, and parameters behind it.",
        digest=digest("unquoted-digest", BODY.encode())[1].replace("=", "= ", 1) + " ;q=1",
    )


def components():
    target = "tenant=a%20b&x="
    full = f"{PUBLIC_URL}?{target}"
    derived = {
        '"@authority"': "hooks.example",
        '"@scheme"': "https",
        '"@target-uri"': full,
        '"@request-target"': f"/webhooks/upvest?{target}",
        '"@query-param";name="tenant"': "a%20b",
    }
    for dialect in ("unquoted-digest", "quoted-content-digest"):
        yield Delivery(
            f"{dialect}-derived",
            "The derived components of RFC 9421 for requests.",
            dialect,
            public_url=PUBLIC_URL,
            query=target,
            values=derived,
            more_covered=list(derived),
        )
    for name, item, value in (
        ("request-target", '"@request-target"', "/webhooks/upvest"),
        ("target-uri", '"@target-uri"', PUBLIC_URL),
    ):
        yield Delivery(
            f"{name}-instead-of-path",
            "This component names the path as well as @path does.",
            "quoted-content-digest",
            public_url=PUBLIC_URL,
            covered=['"@method"', item, '"content-digest"'],
            values={item: value},
        )
    yield Delivery(
        "foreign-authority",
        "A delivery to somebody else, sent on to us with their host: @authority must be ours.",
        "quoted-content-digest",
        public_url=PUBLIC_URL,
        headers=[("host", "other.example"), ("content-type", "application/json")],
        values={'"@authority"': "other.example"},
        more_covered=['"@authority"'],
        expected="bad-signature",
    )
    yield Delivery(
        "foreign-host",
        "A delivery to somebody else, sent on to us with their host: a covered host must be ours.",
        public_url=PUBLIC_URL,
        headers=[("host", "other.example"), ("content-type", "application/json")],
        more_covered=['"host"'],
        expected="bad-signature",
    )
    yield Delivery(
        "rewritten-host",
        "A proxy in front of us put its own name into host; what was signed is our public one.",
        public_url=PUBLIC_URL,
        headers=[("host", "internal.example"), ("content-type", "application/json")],
        values={'"host"': "hooks.example"},
        more_covered=['"host"'],
    )
    yield Delivery(
        "field-parameters",
        "Fields with the parameters sf, bs and key.",
        "quoted-content-digest",
        more_headers=[("prefer", "wait=100,   note=\"a, b\";x=1.50"), ("accept", "a/b,   c/d"), ("note", "x, y")],
        values={
            '"prefer";key="note"': '"a, b";x=1.5',
            '"prefer";sf': 'wait=100, note="a, b";x=1.5',
            '"accept";sf': "a/b, c/d",
            '"note";bs': f":{b64(b'x, y')}:",
        },
        more_covered=['"prefer";key="note"', '"prefer";sf', '"accept";sf', '"note";bs'],
    )
    yield Delivery(
        "absent-query-of-rfc-9421",
        "RFC 9421 gives a covered query that is absent a line, with a question mark; Upvest gives it none.",
        "quoted-content-digest",
        values={'"@query"': "?"},
        more_covered=['"@query"'],
    )
    for parameter in ("tr", "req"):
        yield Delivery(
            f"component-{parameter}",
            "The component is that of a trailer, or of another message.",
            "quoted-content-digest",
            covered=['"@method"', '"@path"', '"content-digest"', f'"content-type";{parameter}'],
            values={f'"content-type";{parameter}': "application/json"},
            expected="unsupported-component-parameter",
        )


def rewritten():
    """What Upvest's signer for v6 signs (httpsignature-proxy 1.3.8), and what gateways do to headers."""
    rules = [
        ("proxy-first-element", "accept", "application/json, application/problem+json", {'"accept"': "application/json"}),
        ("proxy-comment", "user-agent", "Upvest/1.0 (webhooks, prod)", {'"user-agent"': "Upvest/1.0 (webhooks"}),
        ("proxy-spaces", "accept-encoding", "gzip,   deflate", {'"accept-encoding"': "gzip, deflate"}),
        (
            "proxy-dictionary",
            "tracestate",
            "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7",
            {'"tracestate:congo"': "t61rcWkgMzE,rojo=00f067aa0ba902b7"},
        ),
        ("proxy-equal-keys", "foo", "a=1, a=2", {'"foo:a"': "2"}),
        ("proxy-inner-list", "list", "(a, b)", {'"list:0"': "()", '"list:1"': "(a)", '"list:2"': "(a, b)"}),
        ("joined-by-a-gateway", "accept", "a/b,c/d", {'"accept"': "a/b, c/d"}),
    ]
    for name, header, value, values in rules:
        yield Delivery(
            name,
            f"The {header} that arrives is not the text that was signed.",
            more_headers=[(header, value)],
            values=values,
            more_covered=list(values),
        )
    yield Delivery(
        "rewritten-beyond-recognition",
        "The user-agent that arrives was changed in a way that nobody knows.",
        more_headers=[("user-agent", "Upvest/2.0")],
        values={'"user-agent"': "Upvest/1.0"},
        more_covered=['"user-agent"'],
        expected="bad-signature",
    )


def several():
    strangers = [('edge=("@authority");keyid="edge-1";created=1', f"edge=:{b64(b'x' * 64)}:")]
    yield Delivery("stranger-beside", "A stranger's signature, which breaks the policy, beside the one that counts.", extra=strangers)
    policy = '("@method" "@path" "digest")'
    unknown = [(f'edge={policy};keyid="edge-1"', f"edge=:{b64(b'x' * 64)}:")]
    yield Delivery("unknown-key-beside", "A signature by an unknown key beside one that holds.", extra=unknown)
    yield Delivery(
        "unknown-key-first",
        "A signature sig1 by an unknown key, and one that holds under another label.",
        label="upvest",
        extra=[(f'sig1={policy};keyid="edge-1"', f"sig1=:{b64(b'x' * 64)}:")],
    )
    yield Delivery(
        "unknown-key-wins",
        "One signature does not hold, and the other's key is unknown, which may change.",
        extra=unknown,
        tamper=replace("content-type", "application/json", "text/plain"),
        expected="unknown-key",
    )
    yield Delivery(
        "bad-signature-beside",
        "A signature by a known key that does not hold beside one that does.",
        keys=[UPVEST, OTHER],
        extra=[(f'old={policy};keyid="{OTHER.key_id}"', f"old=:{b64(b'x' * 64)}:")],
    )
    yield Delivery(
        "furthest-reason-wins",
        "Of two reasons the delivery gets that of the signature which came further.",
        extra=[(f'old=("@method" "@path");keyid="{UPVEST.key_id}"', "old=:AA==:")],
        tamper=replace("content-type", "application/json", "text/plain"),
        expected="bad-signature",
    )
    types = [("a=token", "a=token"), ("b=@1659578233", "b=@1659578233"), ("c=1.5;x", "c=::;x=1"), ('d=%"f%c3%bc"', "d=?1")]
    nine = types + [(f"e{at}=?0", f"e{at}=?0") for at in range(9)]
    yield Delivery("strangers-of-every-type", "Labels that are no signatures do not matter, and may be many.", extra=nine)
    yield Delivery(
        "signature-with-parameters",
        "The signature has parameters of its own.",
        tamper=lambda d: setattr(d, "headers", [(n, v + ";x=1" if n == "signature" else v) for n, v in d.headers]),
    )
    yield Delivery(
        "parameters-of-every-type",
        "Parameters of every type of RFC 9651, which nobody knows.",
        parameters=f';keyid="{UPVEST.key_id}";a;b=1;c=1.5;d="s";e=t/o:k;f=:AA==:;g=?0;h=@1659578233;i=%"f%c3%bc"',
    )


class Request:
    """A request as the http-message-signatures package wants it."""

    def __init__(self, delivery):
        self.method, self.headers, self.body = "POST", dict(delivery.headers), delivery.body
        self.url = PUBLIC_URL


class Resolver(HTTPSignatureKeyResolver):
    def resolve_private_key(self, key_id):
        return OTHER.private


def by_a_package():
    """A delivery that another package signs altogether, base included."""
    delivery = Delivery("package", "Signed by the http-message-signatures package.", "quoted-content-digest", OTHER, public_url=PUBLIC_URL)
    delivery.headers.append((delivery.digest_name, delivery.digest))
    request = Request(delivery)
    names = ("@method", "@path", "@authority", "@target-uri", "content-digest", "content-type")
    HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=Resolver()).sign(
        request,
        key_id=OTHER.key_id,
        label="sig1",
        created=datetime.datetime.fromtimestamp(CREATED, datetime.timezone.utc),
        covered_component_ids=names,
        use_existing_digest=True,
    )
    signed = {name.lower(): value for name, value in request.headers.items()}
    parameters = signed["signature-input"].removeprefix("sig1=")
    values = {"@method": "POST", "@path": delivery.path, "@authority": "hooks.example", "@target-uri": PUBLIC_URL} | signed
    base = "\n".join([f'"{name}": {values[name]}' for name in names] + [f'"@signature-params": {parameters}'])
    delivery.sign = lambda: base
    delivery.headers = [(name, signed[name]) for name in sorted(signed)]
    yield delivery


if __name__ == "__main__":
    for old in FOLDER.glob("independent-*.json"):
        old.unlink()
    for group in (in_every_dialect, digests, components, rewritten, several, by_a_package):
        for delivery in group():
            delivery.write()
