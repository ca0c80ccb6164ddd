// Looks at pages as people see them: in light and dark, on a desk and on a phone.

import { join } from 'node:path';

import { packages } from '../driver.mjs';

const axe = packages('axe-core');

const VIEWS = {
  light: { viewport: { width: 1280, height: 860 }, colorScheme: 'light' },
  dark: { viewport: { width: 1280, height: 860 }, colorScheme: 'dark' },
  phone: { viewport: { width: 375, height: 812 }, colorScheme: 'light', hasTouch: true, isMobile: true },
};

/** What is wrong with a page, in the words of axe-core: every rule it has. */
async function violations(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`.slice(0, 300)));
}

/** One page in one view; everything it loads is counted, as nothing was kept from before. */
async function lookAt(context, url, shot) {
  const page = await context.newPage();
  const errors = [];
  const loaded = [];
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('response', (response) => loaded.push(response));
  const answer = await page.goto(url);
  if (shot) await page.screenshot({ path: shot, fullPage: true });
  const sizes = await Promise.all(loaded.map(async (response) => (await response.body().catch(() => '')).length));
  const report = {
    status: answer.status(),
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    elsewhere: loaded.map((response) => response.url()).filter((at) => new URL(at).origin !== new URL(url).origin),
    sideways: await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
    violations: await violations(page),
    errors,
  };
  await page.close();
  return report;
}

/**
 * Looks at all `pages` (names and paths) of `server` in each view, as whoever the cookies in `storageState` are.
 * Screenshots go to the folder `shots`, where there is one.
 */
export async function look(browser, server, storageState, pages, shots, options = {}) {
  const seen = [];
  for (const [view, settings] of Object.entries(VIEWS)) {
    for (const [name, path] of Object.entries(pages)) {
      // A context of its own, so that nothing is in its cache.
      const context = await browser.newContext({ ...settings, ...options, storageState });
      const shot = shots && join(shots, `${name}-${view}.png`);
      seen.push({ name, path, view, ...(await lookAt(context, `${server}${path}`, shot)) });
      await context.close();
    }
  }
  return seen;
}

/** Looks at the page that is open and cannot be asked for again: in each view, where it stands. */
export async function lookHere(page, name, shots) {
  const seen = [];
  const before = page.viewportSize();
  for (const [view, { viewport, colorScheme }] of Object.entries(VIEWS)) {
    await page.setViewportSize(viewport);
    // Colours are there at once, not on their way from the view before.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    if (shots) await page.screenshot({ path: join(shots, `${name}-${view}.png`), fullPage: true });
    const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    seen.push({ name, path: new URL(page.url()).pathname, view, sideways, violations: await violations(page) });
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  await page.setViewportSize(before);
  return seen;
}
