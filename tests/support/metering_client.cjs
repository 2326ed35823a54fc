// What tests/e2e/test_metering.py needs from an agent beside bottle_client.cjs. One JSON line.
//
//   node - coded gzip SCRIPT   a Messages stream in that coding, decoded here where Node can
//   node - leave 3 SCRIPT      the same, gone after three chunks
//   node - ws 2 SCRIPT         so many responses over one Responses WebSocket
"use strict";

const crypto = require("node:crypto");
const http = require("node:http");
const tls = require("node:tls");
const zlib = require("node:zlib");

const [kind, argument, script] = process.argv.slice(2);
const DECODERS = { gzip: zlib.gunzipSync, br: zlib.brotliDecompressSync };

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
  process.exit(0);
}

function tunnel(host, use) {
  const proxy = new URL(process.env.HTTPS_PROXY);
  const authority = `${host}:443`;
  const ask = http.request({ host: proxy.hostname, port: proxy.port, method: "CONNECT", path: authority, headers: { host: authority } });
  ask.on("connect", (answer, socket) => {
    if (answer.statusCode !== 200) return say({ status: answer.statusCode });
    const secure = tls.connect({ socket, servername: host, ALPNProtocols: ["http/1.1"] }, () => use(secure));
    secure.on("error", (error) => say({ status: 0, error: String(error) }));
  });
  ask.on("error", (error) => say({ status: 0, error: String(error) }));
  ask.end();
}

function stream() {
  const coding = kind === "coded" ? argument : "identity";
  const body = JSON.stringify({ model: "claude-opus-5-5", stream: true, max_tokens: 1024, messages: [{ role: "user", content: kind + argument }] });
  tunnel("api.anthropic.com", (socket) => {
    const ask = http.request({
      createConnection: () => socket,
      host: "api.anthropic.com",
      defaultPort: 443,
      path: "/v1/messages",
      method: "POST",
      headers: { "content-type": "application/json", "anthropic-version": "2023-06-01", "x-api-key": process.env.ANTHROPIC_API_KEY, "accept-encoding": coding, "x-world-script": script || "{}" },
    });
    ask.on("response", (answer) => {
      const parts = [];
      answer.on("data", (part) => {
        parts.push(part);
        if (kind === "leave" && parts.length >= Number(argument)) {
          socket.destroy();
          say({ status: answer.statusCode, chunks: parts.length });
        }
      });
      answer.on("end", () => {
        const raw = Buffer.concat(parts);
        const got = answer.headers["content-encoding"] || "";
        const decode = got ? DECODERS[got] : (data) => data;
        const text = decode ? decode(raw).toString() : "";
        say({ status: answer.statusCode, coding: got, bytes: raw.length, decoded: Boolean(decode), ended: text.includes("message_stop") });
      });
    });
    ask.end(body);
  });
}

function frame(text) {
  const data = Buffer.from(text);
  const mask = crypto.randomBytes(4);
  const head = data.length < 126 ? Buffer.from([0x81, 0x80 | data.length]) : Buffer.from([0x81, 0xfe, data.length >> 8, data.length & 255]);
  return Buffer.concat([head, mask, data.map((byte, i) => byte ^ mask[i % 4])]);
}

// Whole unfragmented text frames of a server; whatever else comes ends the run.
function* messages(state) {
  while (state.rest.length >= 2) {
    const short = state.rest[1] & 127;
    const start = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (state.rest.length < start) return;
    const size = short === 126 ? state.rest.readUInt16BE(2) : short === 127 ? Number(state.rest.readBigUInt64BE(2)) : short;
    if (state.rest.length < start + size) return;
    const message = { code: state.rest[0] & 15, text: state.rest.subarray(start, start + size).toString() };
    state.rest = state.rest.subarray(start + size);
    yield message;
  }
}

function sockets() {
  const wanted = Number(argument);
  const result = { status: 0, completed: 0, errors: [], usage: [] };
  const key = crypto.randomBytes(16).toString("base64");
  const create = (n) => frame(JSON.stringify({ type: "response.create", model: "gpt-6.1-sol", input: `hello ${n}` }));
  tunnel("api.openai.com", (socket) => {
    const state = { rest: Buffer.alloc(0), open: false };
    const head = [
      "GET /v1/responses HTTP/1.1", "Host: api.openai.com", "Upgrade: websocket", "Connection: Upgrade",
      `Sec-WebSocket-Key: ${key}`, "Sec-WebSocket-Version: 13", `Authorization: Bearer ${process.env.OPENAI_API_KEY}`,
      `x-world-script: ${script || "{}"}`, "", "",
    ];
    socket.write(head.join("\r\n"));
    socket.on("close", () => say(result));
    socket.on("data", (data) => {
      state.rest = Buffer.concat([state.rest, data]);
      if (!state.open) {
        const end = state.rest.indexOf("\r\n\r\n");
        if (end < 0) return;
        result.status = Number(state.rest.toString("latin1", 9, 12));
        if (result.status !== 101) return say(result);
        state.open = true;
        state.rest = state.rest.subarray(end + 4);
        socket.write(create(0));
      }
      for (const message of messages(state)) {
        if (message.code !== 1) return say(result);
        const event = JSON.parse(message.text);
        if (event.type === "error") result.errors.push(event);
        if (event.type === "response.completed") {
          result.completed += 1;
          result.usage.push(event.response.usage.output_tokens);
          if (result.completed < wanted) socket.write(create(result.completed));
        }
        if (event.type === "error" || result.completed === wanted) return say(result);
      }
    });
  });
}

setTimeout(() => say({ status: 0, error: "timeout" }), 60000);
if (kind === "ws") sockets();
else stream();
