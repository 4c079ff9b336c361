// A real browser, for what only a browser decides: Debian's Chromium without a screen, in which every name of `.test` is
// this machine.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import puppeteer from 'puppeteer-core';

const kBrowser = '/usr/bin/chromium';

export class Browser {
  static async start() {
    const self = new Browser();
    self.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gatehouse-browser-'));
    self.browser = await puppeteer.launch({
      executablePath: kBrowser,
      headless: true,
      userDataDir: self.folder,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP *.test 127.0.0.1'],
    });
    return self;
  }

  // A profile of its own: cookies, kept preflights and connections end with it.
  profile() { return this.browser.createBrowserContext(); }

  async close() {
    await this.browser.close();
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

// A page of the origin `http://HOST:PORT`, which somebody has to serve.
export async function openPage(profile, host, port) {
  const page = await profile.newPage();
  await page.goto(`http://${host}:${port}/`);
  return page;
}

// What a script of the page learns from `fetch(url, options)`: the answer, or that it may not know it.
export function fetchIn(page, url, options = {}, headers = []) {
  return page.evaluate(async (target, init, names) => {
    try {
      const answer = await fetch(target, init);
      return {
        status: answer.status,
        redirected: answer.redirected,
        text: await answer.text(),
        headers: Object.fromEntries(names.map((name) => [name, answer.headers.get(name)])),
      };
    } catch (error) {
      return { refused: error.name };
    }
  }, url, options, headers);
}

export function browserVersion() {
  return execFileSync(kBrowser, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
