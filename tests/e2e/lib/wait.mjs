// Waiting for something to become true, with a deadline: no test sleeps and hopes.
import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };

// Machines that build something else at the same time are slow: deadlines are generous, and only a failure waits for
// one.
export const kPatience = 20_000;

// The first value of `check` that is true; throws after the deadline, saying what was waited for and what there was.
export async function until(what, check, { within = kPatience, every = 20 } = {}) {
  const end = Date.now() + within;
  for (;;) {
    let trouble;
    try {
      const value = await check();
      if (value) return value;
    } catch (error) {
      trouble = error;
    }
    if (Date.now() > end) {
      const text = typeof what === 'function' ? await what() : what;
      throw new Error(`waited ${within} ms for: ${text}${trouble ? ` (${trouble.message})` : ''}`);
    }
    await sleep(every);
  }
}

// The promise's value, or an error after the deadline.
export function within(what, promise, ms = kPatience) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
