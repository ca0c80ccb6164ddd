// The main path without a mouse: tab, enter, space, and what is typed.

import { PASSWORD } from './walk.mjs';

/** Goes on with the tab key until the focus is on what `is` says, and not for ever. */
async function tabTo(page, is, what) {
  for (let steps = 0; steps < 80; steps += 1) {
    await page.keyboard.press('Tab');
    const found = await page.evaluate(`(${is})(document.activeElement)`);
    if (!found) continue;
    // Whoever cannot see where they are cannot go on.
    const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    if (ring === 'none') throw new Error(`no ring around ${what} at ${page.url()}`);
    return;
  }
  throw new Error(`the tab key does not reach ${what} at ${page.url()}`);
}

const named = (name) => `(element) => element.name === ${JSON.stringify(name)}`;
const reading = (text) => `(element) => element.innerText?.trim() === ${JSON.stringify(text)}`;

async function enter(page) {
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
}

/** Signs in, makes a key, and signs out again. */
export async function byKeyboard(page, server, email) {
  await page.goto(`${server}/login`);
  // The page begins where one types.
  if (!(await page.evaluate(`(${named('email')})(document.activeElement)`))) throw new Error('the address has no focus');
  await page.keyboard.type(email);
  await tabTo(page, named('password'), 'the password');
  await page.keyboard.type(PASSWORD);
  await enter(page);
  await page.keyboard.press('Tab');
  const first = await page.evaluate(() => document.activeElement.innerText);
  if (first !== 'Skip to the content') throw new Error(`first comes ${first}`);
  await tabTo(page, reading('Keys'), 'the keys');
  await enter(page);
  await tabTo(page, reading('Make a key'), 'the way to a new key');
  await enter(page);
  await tabTo(page, named('name'), 'the name of the key');
  await page.keyboard.type('by keyboard');
  await tabTo(page, reading('Make the key'), 'the button');
  await enter(page);
  const key = await page.locator('#secret code').innerText();
  if (!key.startsWith('sk-local-')) throw new Error(`not a key: ${key}`);
  await tabTo(page, reading('Sign out'), 'the way out');
  await enter(page);
  if (new URL(page.url()).pathname !== '/login') throw new Error(`signed out, and at ${page.url()}`);
}
