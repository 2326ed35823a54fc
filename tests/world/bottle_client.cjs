// A tiny agent: real HTTPS requests through the proxy of the environment, one JSON line each.
// The same as bottle_client.py for images that have Node and no Python; no dependencies.
//
//   node bottle_client.cjs claude --count 5 --until-refused
//   node bottle_client.cjs codex --script '{"output": 900}'
//   node bottle_client.cjs get https://example.com/
"use strict";

const http = require("node:http");
const https = require("node:https");
const tls = require("node:tls");
const { parseArgs } = require("node:util");

const MAX_BODY = 65536;
const URLS = {
  claude: "https://api.anthropic.com/v1/messages",
  codex: "https://api.openai.com/v1/responses",
  chat: "https://api.openai.com/v1/chat/completions",
};
const MODELS = { claude: "claude-opus-5-5", codex: "gpt-6.1-sol", chat: "gpt-6.1-sol" };

function settings() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      count: { type: "string", default: "1" },
      pause: { type: "string", default: "0" },
      model: { type: "string" },
      prompt: { type: "string", default: "say something" },
      script: { type: "string" },
      timeout: { type: "string", default: "60" }, // seconds of silence
      "until-refused": { type: "boolean", default: false },
    },
  });
  const [kind, url] = positionals;
  if (!(kind in URLS) && !(kind === "get" && url)) {
    process.stderr.write("usage: bottle_client.cjs claude|codex|chat|get [URL] [options]\n");
    process.exit(2);
  }
  return { ...values, kind, url: url || URLS[kind], count: Number(values.count), silence: Number(values.timeout) * 1000 };
}

function bodyOf(given, number) {
  const prompt = `${given.prompt} ${number}`;
  const body = { model: given.model || MODELS[given.kind], stream: true };
  if (given.kind === "codex") return { ...body, input: prompt };
  body.messages = [{ role: "user", content: prompt }];
  if (given.kind === "claude") return { ...body, max_tokens: 1024 };
  return { ...body, stream_options: { include_usage: true } };
}

function headersOf(given) {
  const headers = { "accept-encoding": "identity", "content-type": "application/json" };
  if (given.kind === "claude") {
    headers["x-api-key"] = process.env.ANTHROPIC_API_KEY || "placeholder";
    headers["anthropic-version"] = "2023-06-01";
  } else if (given.kind !== "get") {
    headers.authorization = `Bearer ${process.env.OPENAI_API_KEY || "placeholder"}`;
  }
  if (given.script) headers["x-world-script"] = given.script;
  return headers;
}

function proxyOf(url) {
  const [upper, lower] = url.protocol === "https:" ? ["HTTPS_PROXY", "https_proxy"] : ["HTTP_PROXY", "http_proxy"];
  const named = process.env[upper] || process.env[lower];
  return named ? new URL(named) : null;
}

// A socket to the target through CONNECT; rejects with {status, body} when the proxy refuses.
function tunnel(proxy, url, silence) {
  const authority = `${url.hostname}:${url.port || (url.protocol === "https:" ? 443 : 80)}`;
  return new Promise((resolve, reject) => {
    const ask = http.request({
      host: proxy.hostname,
      port: proxy.port || 80,
      method: "CONNECT",
      path: authority,
      headers: { host: authority },
      timeout: silence,
    });
    ask.on("connect", (answer, socket, head) => {
      if (answer.statusCode === 200) return resolve(socket);
      const wanted = Math.min(Number(answer.headers["content-length"] || 0), MAX_BODY);
      let body = head;
      const finish = () => {
        socket.destroy();
        reject({ refused: { status: answer.statusCode, at: "connect", body: parsed(body.toString()) } });
      };
      if (body.length >= wanted) return finish();
      socket.on("data", (data) => {
        body = Buffer.concat([body, data]);
        if (body.length >= wanted) finish();
      });
      socket.on("close", finish);
    });
    ask.on("timeout", () => ask.destroy(new Error("timeout")));
    ask.on("error", reject);
    ask.end();
  });
}

// Request options that use the tunnel; Node heeds createConnection only when no agent is named.
async function connector(url, silence) {
  const proxy = proxyOf(url);
  if (!proxy) return { agent: false };
  const socket = await tunnel(proxy, url, silence);
  if (url.protocol !== "https:") return { createConnection: () => socket };
  // Without defaultPort, Node names port 80 in Host when there is no agent.
  return { defaultPort: 443, createConnection: () => tls.connect({ socket, servername: url.hostname }) };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// Keep the usage and the ending of any of the three dialects.
function look(event, result) {
  for (const place of [event.message, event.response, event]) {
    if (place && typeof place === "object" && place.usage) result.usage = { ...result.usage, ...place.usage };
  }
  const kind = event.type || "";
  if (["message_stop", "response.completed", "response.incomplete"].includes(kind)) result.complete = true;
  if (kind === "error" || kind === "response.failed" || event.error) result.error = event.error || event.message || kind;
}

function reader(result) {
  let rest = "";
  return (data) => {
    const lines = (rest + data).split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data:")) continue;
      result.events += 1;
      const text = line.slice(5).trimStart();
      if (text === "[DONE]") result.complete = true;
      else look(JSON.parse(text), result);
    }
  };
}

async function talk(given, number, result) {
  const url = new URL(given.url);
  const options = { method: given.kind === "get" ? "GET" : "POST", headers: headersOf(given) };
  Object.assign(options, await connector(url, given.silence));
  await new Promise((resolve, reject) => {
    const ask = (url.protocol === "https:" ? https : http).request(url, options, (answer) => {
      result.status = answer.statusCode;
      const streaming = (answer.headers["content-type"] || "").startsWith("text/event-stream");
      answer.setEncoding("utf8");
      let body = "";
      if (streaming) Object.assign(result, { events: 0, complete: false, usage: null });
      const take = streaming ? reader(result) : (data) => (body = (body + data).slice(0, MAX_BODY));
      answer.on("data", (data) => {
        try {
          take(data);
        } catch (error) {
          ask.destroy(error);
        }
      });
      answer.on("error", reject);
      answer.on("end", () => {
        if (!streaming) whole(parsed(body), result);
        else if (!result.complete && !result.error) result.error = "the stream broke off before its last event";
        resolve();
      });
    });
    ask.setTimeout(given.silence, () => ask.destroy(new Error("timeout")));
    ask.on("error", reject);
    ask.end(given.kind === "get" ? undefined : JSON.stringify(bodyOf(given, number)));
  });
}

function whole(body, result) {
  result.complete = true;
  if (body && body.usage && result.status < 300) result.usage = body.usage;
  else result.body = body;
}

function answered(line) {
  return line.status >= 200 && line.status < 300 && !line.error;
}

async function main() {
  const given = settings();
  let line = {};
  for (let number = 1; number <= given.count; number += 1) {
    line = { n: number, kind: given.kind, url: given.url, status: 0 };
    const began = performance.now();
    try {
      await talk(given, number, line);
    } catch (error) {
      if (error && error.refused) Object.assign(line, error.refused);
      else line.error = `${error.name || "Error"}: ${error.message || error}`;
    }
    line.ms = Math.round((performance.now() - began) * 10) / 10;
    process.stdout.write(`${JSON.stringify(line)}\n`);
    if (given["until-refused"] && !answered(line)) break;
    if (number < given.count) await new Promise((done) => setTimeout(done, Number(given.pause) * 1000));
  }
  process.exitCode = answered(line) ? 0 : 1;
}

main();
