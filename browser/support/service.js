// The service as a process, on data of its own, with no setting but those it is given.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");
// The binary: that of the release build, or the one that ANGAROS_TEST_BINARY names from the workspace's root.
const NAMED = process.env.ANGAROS_TEST_BINARY ?? "target/release/angaros";
const BINARY = isAbsolute(NAMED) ? NAMED : join(ROOT, NAMED);
const START_MAX_MS = 60_000;

/** Starts a service with these settings, named as in `angaros.toml`, and waits until it is ready. */
export async function start(settings = {}) {
  const folder = await mkdtemp(join(tmpdir(), "angaros-browser-"));
  const environment = Object.entries(settings).map(([key, value]) => [
    `ANGAROS_${key.toUpperCase().replaceAll(".", "__")}`,
    String(value),
  ]);
  const child = spawn(BINARY, ["serve", "--listen", "127.0.0.1:0"], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...Object.fromEntries(environment) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  child.stderr.on("data", (data) => (printed += data));
  const ended = new Promise((done) => child.once("exit", done));
  const url = await new Promise((found, failed) => {
    const late = setTimeout(() => failed(new Error(`it did not come up:\n${printed}`)), START_MAX_MS);
    child.once("error", failed);
    child.once("exit", () => failed(new Error(`it ended at its start:\n${printed}`)));
    child.stdout.on("data", (data) => {
      printed += data;
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(printed);
      if (address) {
        clearTimeout(late);
        found(address[0]);
      }
    });
  });
  return {
    url,
    api: api(url),
    /** Runs another command on the same data. */
    command: (...args) => command(folder, environment, args),
    async stop() {
      child.kill("SIGTERM");
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

function command(folder, environment, args) {
  return new Promise((done, failed) => {
    const env = { PATH: process.env.PATH, ...Object.fromEntries(environment) };
    const child = spawn(BINARY, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    let [out, err] = ["", ""];
    child.stdout.on("data", (data) => (out += data));
    child.stderr.on("data", (data) => (err += data));
    child.once("error", failed);
    child.once("exit", (code) => (code === 0 ? done(out) : failed(new Error(`${args[0]}: ${code}\n${err}`))));
  });
}

/** Calls the API; an answer that is an error is one here. */
function api(url) {
  const call = async (method, path, body, headers = {}) => {
    const answer = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  };
  return {
    get: (path, headers) => call("GET", path, undefined, headers),
    post: (path, body, headers) => call("POST", path, body, headers),
  };
}

/** Asks until `ask` answers something that is true, for 30 seconds. */
export async function eventually(what, ask) {
  const late = Date.now() + 30_000;
  for (;;) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > late) throw new Error(`it never came: ${what}`);
    await new Promise((again) => setTimeout(again, 50));
  }
}

/** A receiver of webhooks that answers as `answer` says: a status. */
export async function receiver(answer) {
  const server = createServer((request, response) => {
    request.resume();
    request.once("end", () => response.writeHead(answer()).end("{}"));
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    url: `http://127.0.0.1:${server.address().port}/in`,
    stop: () => new Promise((done) => (server.close(done), server.closeAllConnections())),
  };
}
