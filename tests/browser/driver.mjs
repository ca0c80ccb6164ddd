// Chromium, driven by playwright-core.

import { createRequire } from 'node:module';
import { join } from 'node:path';

// The packages lie outside the checkout, where `import` does not look.
export const packages = createRequire(join(process.env.LOCALAUTH_TEST_BROWSER_MODULES ?? import.meta.dirname, 'packages'));
const { chromium } = packages('playwright-core');

/** A browser. Chromium has no sandbox for root, and in a container little shared memory. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.LOCALAUTH_TEST_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
}
