// verify-and-store with AWS's clients alone and the receiver's own design: 25 PartiQL inserts in a request, no second write,
// an entity's events one to a request.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const zlib = require("node:zlib");
const { BatchExecuteStatementCommand, DynamoDBClient, GetItemCommand } = require("@aws-sdk/client-dynamodb");
const { PutObjectCommand, S3Client } = require("@aws-sdk/client-s3");
const { SQSClient, SendMessageBatchCommand } = require("@aws-sdk/client-sqs");
const { attributes, batch, seconds } = require("./common.js");

const [dynamodb, sqs, s3] = [new DynamoDBClient(), new SQSClient(), new S3Client()];
const { ARCHIVE_BUCKET, CATEGORIES_FILE, DOMAIN_QUEUES, EVENTS_TABLE, KEYS_TABLE } = process.env;
const QUEUES = Object.fromEntries(DOMAIN_QUEUES.split(",").map((entry) => entry.split(/=(.*)/)));
const DOMAINS = JSON.parse(fs.readFileSync(CATEGORIES_FILE));
const NAMES = ["event_id", "type", "aggregate", "occurred", "delivery_id", "received_at", "sha256", "object"];
const STATEMENT = `INSERT INTO "${EVENTS_TABLE}" VALUE {${NAMES.map((name) => `'${name}':?`)}}`;
const KEY_LIFETIME_MS = 300_000;
const MAX_BATCH_BYTES = 900_000;
const keys = new Map();

const sha256 = (data, encoding) => crypto.createHash("sha256").update(data).digest(encoding);
const occurredOf = (event) => `${event.created_at}#${event.id}`;

/** Finds a verification key, and remembers it for a while. */
async function keyOf(keyId) {
  const known = keys.get(keyId);
  if (known && known.until > Date.now()) return known.key;
  const wanted = { TableName: KEYS_TABLE, Key: { key_id: { S: keyId } }, ConsistentRead: true };
  const { Item } = await dynamodb.send(new GetItemCommand(wanted));
  const key = crypto.createPublicKey({ key: JSON.parse(Item.jwk.S), format: "jwk" });
  keys.set(keyId, { key, until: Date.now() + KEY_LIFETIME_MS });
  return key;
}

/** Verifies the signature and the digest of a delivery, in Upvest's dialect alone. */
async function verify(request, body) {
  const headers = Object.fromEntries(request.headers.map(([name, value]) => [name.toLowerCase(), value]));
  const parameters = headers["signature-input"].replace(/^sig1=/, "");
  const components = parameters.slice(1, parameters.indexOf(")")).replaceAll('"', "").split(" ");
  if (!["@method", "@path", "digest"].every((name) => components.includes(name))) throw new Error("not covered");
  if (headers.digest !== `SHA-256=${sha256(body, "base64")}`) throw new Error("digest");
  const values = { ...headers, "@method": request.method, "@path": request.path };
  const lines = components.map((name) => `${name}: ${values[name]}`);
  const signed = Buffer.from([...lines, `@signature-params: ${parameters}`].join("\n"));
  const keyId = parameters.split(";").find((part) => part.startsWith('keyid="')).slice(7, -1);
  const signature = Buffer.from(headers.signature.replace(/^sig1=:/, "").replace(/:$/, ""), "base64");
  if (!crypto.verify("sha512", signed, await keyOf(keyId), signature)) throw new Error("signature");
}

/** Gives the bytes of a message's body. */
function decode(body, encoding) {
  if (encoding === undefined) return Buffer.from(body);
  const data = Buffer.from(body, "base64");
  return encoding === "deflate-base64" ? zlib.inflateRawSync(data) : data;
}

/** Names the entity that an event is about. */
function aggregateOf({ id, type, object }) {
  const category = type.split(".")[0];
  if (category === "EXECUTION" || category === "ORDER_CANCELLATION") return `ORDER#${object.order_id}`;
  return `${category}#${object.id || object.account_id || id}`;
}

/** Keeps a verified delivery. */
async function archive({ delivery_id, received_at }, request, body) {
  const Key = `verified/${received_at.slice(0, 13).replaceAll(/[-T]/g, "/")}/${delivery_id}`;
  const Body = JSON.stringify({ delivery_id, received_at, request, body: body.toString() });
  const kept = { Bucket: ARCHIVE_BUCKET, Key, Body, IfNoneMatch: "*", ContentType: "application/json" };
  await s3.send(new PutObjectCommand(kept));
}

/** Writes an event as the item of the log. */
function statementOf(event, { delivery_id, received_at }) {
  const { id: event_id, type, object } = event;
  const about = { event_id, type, aggregate: aggregateOf(event), occurred: occurredOf(event), delivery_id, received_at };
  const item = { ...about, sha256: sha256(JSON.stringify(event), "hex"), object: JSON.stringify(object) };
  return { Statement: STATEMENT, Parameters: NAMES.map((name) => ({ S: item[name] })) };
}

/** Stores events, 25 in a request, and gives those that were not there yet. */
async function store(events, delivery) {
  const fresh = [];
  for (let start = 0; start < events.length; start += 25) {
    const chunk = events.slice(start, start + 25);
    const Statements = chunk.map((event) => statementOf(event, delivery));
    const { Responses } = await dynamodb.send(new BatchExecuteStatementCommand({ Statements }));
    fresh.push(...chunk.filter((_, index) => !Responses[index].Error));
  }
  return fresh;
}

function entryOf(event, { delivery_id }) {
  const MessageBody = JSON.stringify(event);
  const [aggregate, occurred, digest] = [aggregateOf(event), occurredOf(event), sha256(MessageBody, "hex")];
  const about = { delivery_id, aggregate, occurred, sha256: digest, dispatch: "first", dispatched_at: seconds(Date.now()) };
  const MessageAttributes = attributes(about);
  return { MessageBody, MessageGroupId: aggregate, MessageDeduplicationId: event.id, MessageAttributes };
}

/** Sorts a queue's events into requests: an entity's go one to a request, so that none overtakes one that failed. */
function requestsOf(events, delivery) {
  const requests = [];
  const after = new Map();
  for (const event of events) {
    const entry = entryOf(event, delivery);
    const { MessageBody: { length: size }, MessageGroupId: group } = entry;
    const hasRoom = ({ entries, sent }) => entries.length < 10 && sent + size <= MAX_BATCH_BYTES;
    let place = after.get(group) ?? 0;
    while (place < requests.length && !hasRoom(requests[place])) place += 1;
    const request = (requests[place] ??= { entries: [], sent: 0 });
    request.entries.push({ Id: String(request.entries.length), ...entry });
    request.sent += size;
    after.set(group, place + 1);
  }
  return requests;
}

/** Sends events to the queues of their domains. */
async function dispatch(events, delivery) {
  const queues = new Map();
  for (const event of events) {
    const url = QUEUES[DOMAINS[event.type.split(".")[0]] ?? "unrecognised"];
    queues.set(url, queues.get(url) ?? []).get(url).push(event);
  }
  for (const [QueueUrl, queued] of queues) {
    for (const { entries: Entries } of requestsOf(queued, delivery)) {
      const { Failed } = await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
      if (Failed?.length) throw new Error(JSON.stringify(Failed));
    }
  }
}

exports.handler = batch(({ messageId }) => messageId, async ({ messageAttributes, body: text }) => {
  const values = Object.entries(messageAttributes).map(([name, { stringValue }]) => [name, stringValue]);
  const delivery = Object.fromEntries(values);
  const [request, body] = [JSON.parse(delivery.request), decode(text, delivery.encoding)];
  await verify(request, body);
  await archive(delivery, request, body);
  await dispatch(await store(JSON.parse(body).payload, delivery), delivery);
});
