// Ingest with AWS's client alone.
"use strict";

const crypto = require("node:crypto");
const zlib = require("node:zlib");
const { SQSClient, SendMessageCommand } = require("@aws-sdk/client-sqs");
const { attributes, seconds } = require("./common.js");

const sqs = new SQSClient();
const KEPT = ["signature", "signature-input", "digest", "content-digest", "content-type", "content-length", "host"];
const MAX_BYTES = 1_000_000;

/** Gives the message of the deliveries queue for a request; nothing for one without a signature. */
function messageOf(event, deliveryId) {
  const gateway = event.requestContext;
  const headers = Object.entries(event.headers).map(([name, value]) => [name.toLowerCase(), value]);
  const { signature, "signature-input": covered } = Object.fromEntries(headers);
  if (signature === undefined || covered === undefined) return undefined;
  const request = {
    method: "POST",
    path: event.rawPath,
    source_address: gateway.http.sourceIp,
    headers: headers.filter(([name]) => KEPT.includes(name) || covered.includes(`"${name}"`)),
    header_names: headers.map(([name]) => name),
  };
  const received_at = seconds(gateway.timeEpoch);
  const values = { delivery_id: deliveryId, received_at, request: JSON.stringify(request) };
  if (event.body.length <= MAX_BYTES) return { MessageBody: event.body, MessageAttributes: attributes(values) };
  const body = zlib.deflateRawSync(event.body, { level: 1 }).toString("base64");
  return { MessageBody: body, MessageAttributes: attributes({ ...values, encoding: "deflate-base64" }) };
}

exports.handler = async (event) => {
  const deliveryId = crypto.randomUUID();
  const message = messageOf(event, deliveryId);
  if (!message) return { statusCode: 401, body: '{"reason":"missing-signature"}' };
  await sqs.send(new SendMessageCommand({ QueueUrl: process.env.DELIVERIES_QUEUE_URL, ...message }));
  console.log(JSON.stringify({ message: "received a delivery", delivery_id: deliveryId }));
  const body = JSON.stringify({ delivery_id: deliveryId });
  return { statusCode: 200, headers: { "content-type": "application/json" }, body };
};
