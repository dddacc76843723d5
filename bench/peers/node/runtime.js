// Is what Lambda's runtime is to a handler: `node runtime.js ingest` polls for events, hands them over, and answers.
"use strict";

const http = require("node:http");

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const RUNTIME = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;

/** Makes a request of the Runtime API, and gives its answer with the whole body. */
function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(`${RUNTIME}/${path}`, { method, agent }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ response, body: Buffer.concat(chunks).toString() }));
    });
    request.on("error", reject);
    request.end(body && JSON.stringify(body));
  });
}

function reportTo(path) {
  return (error) => call("POST", path, { errorType: error.name, errorMessage: error.message });
}

async function run() {
  const { handler } = require(`./${process.argv[2]}.js`);
  for (;;) {
    const { response, body } = await call("GET", "invocation/next");
    if (response.statusCode !== 200) return;
    const path = `invocation/${response.headers["lambda-runtime-aws-request-id"]}`;
    const answered = handler(JSON.parse(body)).then((answer) => call("POST", `${path}/response`, answer));
    await answered.catch(reportTo(`${path}/error`));
  }
}

run().catch(reportTo("init/error"));
