// A test with a gateway: starts what the test asks for, and afterwards looks whether the gateway holds what it held
// before, and ends in order.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import test from 'node:test';
import { Agent, request as undiciRequest } from 'undici';
import { Gatehouse } from './gatehouse.mjs';
import { RawClient } from './raw_client.mjs';
import { httpService, rawService, scripted } from './service.mjs';
import { within } from './wait.mjs';

export { assert };
export const kFull = process.env.GATEHOUSE_FULL === '1';

class Context {
  constructor() {
    this.gateways = [];
    this.services = [];
    this.clients = [];
    this.children = [];
    this.later = [];
  }

  async #service(promise) {
    const service = await promise;
    this.services.push(service);
    return service;
  }
  service = (...args) => this.#service(httpService(...args));
  rawService = (...args) => this.#service(rawService(...args));
  scripted = (...args) => this.#service(scripted(...args));

  gateway = async (...args) => {
    const gateway = await Gatehouse.start(...args);
    this.gateways.push(gateway);
    return gateway;
  };

  client = async (gateway, options) => {
    const client = await RawClient.connect(gateway.port, options);
    this.clients.push(client);
    return client;
  };

  agent = (options) => {
    const agent = new Agent(options);
    this.later.push(() => agent.destroy());
    return agent;
  };

  // One request by undici; its body as bytes, text and JSON.
  request = async (gateway, target, { headers = {}, method = 'GET', body, dispatcher } = {}) => {
    this.shared ??= this.agent();
    const res = await undiciRequest(`http://127.0.0.1:${gateway.port}${target}`,
      { method, headers, body, dispatcher: dispatcher ?? this.shared });
    const bytes = Buffer.from(await res.body.arrayBuffer());
    return {
      status: res.statusCode, headers: res.headers, trailers: res.trailers, bytes,
      text: bytes.toString('utf8'), json: () => JSON.parse(bytes.toString('utf8')),
    };
  };

  // A program of others, to its end.
  run = (command, args, { input, env } = {}) => new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: env ?? process.env });
    this.children.push(child);
    const out = { stdout: '', stderr: '' };
    child.stdout.setEncoding('latin1').on('data', (s) => { out.stdout += s; });
    child.stderr.setEncoding('utf8').on('data', (s) => { out.stderr += s; });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...out }));
  });

  // Clients and services go first: what the gateway then still holds, it has leaked.
  async leave(failed) {
    for (const client of this.clients) client.close();
    for (const undo of this.later.reverse()) await undo();
    for (const child of this.children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    for (const service of this.services) await service.close();
    for (const gateway of this.gateways) {
      if (failed) {
        gateway.kill();
        await gateway.exited;
        continue;
      }
      await gateway.settle();
      assert.deepEqual(await gateway.stop(), gateway.expectedExit ?? { code: 0, signal: null }, gateway.stderr);
      assert.doesNotMatch(gateway.stderr, /Sanitizer|assert|terminate called|Internal error/);
      gateway.removeFolder();
    }
  }
}

// The runner only says that a test takes too long and goes on: what the test had started would stay, and the file never end.
// So it is this that breaks it off, and clears up behind it.
export function gatewayTest(name, body, { timeout = 120_000 } = {}) {
  return test(name, { timeout: timeout + 60_000 }, async () => {
    const context = new Context();
    let failed = true;
    try {
      await within('the test to end', body(context), timeout);
      failed = false;
    } finally {
      try {
        await context.leave(failed);
      } catch (error) {
        for (const gateway of context.gateways) gateway.kill();
        if (!failed) throw error;
      }
    }
  });
}

// A problem document (RFC 9457) of the gateway, whole.
export function assertProblem(answer, status, reason, { head = false } = {}) {
  const get = typeof answer.get === 'function' ? answer.get : (name) => answer.headers[name];
  assert.equal(answer.status, status, answer.text);
  assert.equal(get('content-type'), 'application/problem+json');
  if (head) return undefined;
  const problem = JSON.parse(answer.text);
  assert.equal(problem.status, status);
  assert.equal(problem.reason, reason, answer.text);
  assert.ok(problem.title.length > 3 && problem.request_id.length > 7, answer.text);
  return problem;
}
