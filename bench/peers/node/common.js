// What the handlers in Node share: attributes of messages, times, and a batch of messages.
"use strict";

exports.attributes = (values) => {
  const entries = Object.entries(values);
  return Object.fromEntries(entries.map(([name, value]) => [name, { DataType: "String", StringValue: value }]));
};

exports.seconds = (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");

/** Does a batch's records one after another, and names those that failed, with what came after them in their group. */
exports.batch = (groupOf, handle) => async (event) => {
  const batchItemFailures = [];
  const stopped = new Set();
  for (const record of event.Records) {
    try {
      if (stopped.has(groupOf(record))) throw new Error("an earlier one of its group failed");
      await handle(record);
    } catch (error) {
      stopped.add(groupOf(record));
      console.log(JSON.stringify({ message: "message was not handled", error: String(error) }));
      batchItemFailures.push({ itemIdentifier: record.messageId });
    }
  }
  console.log(JSON.stringify({ message: "handled a batch", messages: event.Records.length }));
  return { batchItemFailures };
};
